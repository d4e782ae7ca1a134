import MapProtocols

extension MapBuffer {
  /// Walks over the bytes of a buffer, a window at a time.
  ///
  /// An iterator keeps the window it is in. Copies may be advanced independently.
  @safe
  public struct Iterator: IteratorProtocol {
    // What a step needs lies in fields of which nobody takes the address, so that a loop keeps them in registers.
    @usableFromInline let storage: BufferStorage
    /// Owns the lease that `current` and `limit` point into.
    @usableFromInline var place: Place?
    @usableFromInline var current: UnsafePointer<UInt8>
    @usableFromInline var limit: UnsafePointer<UInt8>
    /// Where in the file the byte at `limit` lies.
    @usableFromInline var offset: Int64
    @usableFromInline let end: Int64

    @usableFromInline
    final class Place {
      var cursor: WindowCursor
      private let storage: BufferStorage
      init(_ storage: BufferStorage) {
        self.storage = storage
        cursor = storage.makeCursor()
      }
      /// Notes the buffer's error if bytes were missing where the walk is.
      func check() {
        if let error = cursor.errorOfShown() { storage.note(error) }
      }
      deinit { check() }
    }

    init(_ buffer: MapBuffer) {
      storage = buffer.storage
      unsafe current = Self.zeros
      unsafe limit = Self.zeros
      offset = buffer.fileRange.lowerBound
      end = buffer.fileRange.upperBound
    }

    /// The next byte; 0 with the buffer's `error` set if it can't be had; nil at the end. O(1), and what a window's loading takes at its
    /// first byte.
    @inlinable
    public mutating func next() -> UInt8? {
      if unsafe current == limit, !enterChunk() { return nil }
      defer { unsafe current = unsafe current + 1 }
      // The lease must last until the byte is read.
      return withExtendedLifetime(place) { unsafe current.pointee }
    }

    /// Goes on to the bytes at `offset`: one at least, and false at the end.
    @inlinable
    mutating func enterChunk() -> Bool {
      if offset >= end {
        Self.leave(place)
        return false
      }
      let (start, count) = unsafe Self.chunk(at: offset, end, storage, &place)
      unsafe current = start
      unsafe limit = unsafe start + count
      offset += Int64(count)
      return true
    }

    /// Looks at the end whether the last bytes were all there.
    @usableFromInline
    @inline(never)
    static func leave(_ place: Place?) { place?.check() }

    /// The bytes from `offset` to the end of their window, or zeros and a sticky error where they can't be had: not for one
    /// byte alone, since the next would most likely wait for the same failure.
    @usableFromInline
    @inline(never)
    static func chunk(
      at offset: Int64, _ end: Int64, _ storage: BufferStorage, _ place: inout Place?
    ) -> (start: UnsafePointer<UInt8>, count: Int) {
      // A copy of the iterator may still point into the old place's lease.
      place?.check()
      if place == nil || !isKnownUniquelyReferenced(&place) { place = Place(storage) }
      let zeros = unsafe (zeros, Self.zeroCount(at: offset, end))
      guard let place else { return unsafe zeros }
      do throws(MapError) {
        guard try place.cursor.useWhatFits(at: offset) else {
          throw MapError(.fileTruncated, source: storage.source)
        }
      } catch {
        storage.note(error)
        return unsafe zeros
      }
      return unsafe place.cursor.bytes.withUnsafeBytes { bytes in
        unsafe (
          bytes.baseAddress!.assumingMemoryBound(to: UInt8.self),
          Int(Swift.min(Int64(bytes.count), end - offset))
        )
      }
    }

    /// What stands for bytes that can't be had; never freed.
    nonisolated(unsafe) private static let zeros: UnsafePointer<UInt8> = {
      let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: zeroCount)
      unsafe bytes.initialize(repeating: 0, count: zeroCount)
      return unsafe UnsafePointer(bytes)
    }()
    private static let zeroCount = 4096

    /// How many bytes from `offset` fail together: to the end of 4 KiB, of which windows are multiples.
    static func zeroCount(at offset: Int64, _ end: Int64) -> Int {
      Swift.min(zeroCount - Int(offset % Int64(zeroCount)), Int(end - offset))
    }
  }

  /// Walks over the bytes. O(1), reads nothing yet.
  public func makeIterator() -> Iterator { Iterator(self) }

  /// Combines all bytes, as `Sequence` does, but by a plain loop over each window, which the compiler may vectorize.
  ///
  /// A byte that can't be had counts as 0, and `error` is set. O(n).
  ///
  /// - Throws: what `combine` throws.
  @inlinable
  public func reduce<Result>(
    _ initial: Result, _ combine: (_ partial: Result, UInt8) throws -> Result
  ) rethrows -> Result {
    var result = initial
    var bytes = makeIterator()
    while bytes.enterChunk() {
      try withExtendedLifetime(bytes.place) {
        let chunk = unsafe UnsafeBufferPointer(
          start: bytes.current, count: bytes.limit - bytes.current)
        for index in 0..<chunk.count { result = try combine(result, unsafe chunk[index]) }
      }
    }
    return result
  }
}
