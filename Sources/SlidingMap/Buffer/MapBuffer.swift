public import MapProtocols
public import SystemPackage

/// A range of a file as a plain collection of bytes: windows come and go behind it.
///
/// Index 0 is the first byte of the range the buffer was made for; slices share indices, storage and `error` with it. A
/// buffer may be used from several threads at once and keeps its manager alive.
///
/// A subscript can't throw. When a byte can't be had it gives 0 and sets `error`, which stays set: check it after a loop.
/// `withBytes(in:)` and `copyBytes` throw instead.
///
/// Between accesses a buffer keeps the windows it last looked at, up to four, so that loops are fast. `release()` gives
/// them up; the next access takes them again.
public struct MapBuffer: RandomAccessCollection, Sendable {
  let storage: BufferStorage
  /// The file's offset of index 0.
  let origin: Int64

  /// The first index; 0 for a buffer, more for a slice.
  public let startIndex: Int
  /// One past the last index.
  public let endIndex: Int

  init(_ cursor: consuming WindowCursor, range: Range<Int64>?) {
    let size = cursor.fileSize
    let range = (range ?? 0..<size).clamped(to: 0..<size)
    origin = range.lowerBound
    startIndex = 0
    endIndex = Int(range.upperBound - range.lowerBound)
    storage = BufferStorage(cursor)
  }

  private init(_ base: MapBuffer, _ bounds: Range<Int>) {
    storage = base.storage
    origin = base.origin
    startIndex = bounds.lowerBound
    endIndex = bounds.upperBound
  }

  /// The first error that made a subscript give 0, in this buffer or any slice of the same.
  public var error: MapError? { storage.error }

  /// The bytes of the file that the buffer or slice shows. O(1).
  public var fileRange: Range<Int64> {
    origin + Int64(startIndex)..<origin + Int64(endIndex)
  }

  /// The byte at `index`, or 0 after an error. O(1) for a loaded window.
  ///
  /// - Precondition: `index` is within the buffer.
  public subscript(index: Int) -> UInt8 {
    precondition(index >= startIndex && index < endIndex, "index out of range")
    return storage.byte(at: origin + Int64(index))
  }

  /// A slice that shares indices and storage. O(1), reads nothing.
  ///
  /// - Precondition: `bounds` lie within the buffer.
  public subscript(bounds: Range<Int>) -> MapBuffer {
    check(bounds)
    return MapBuffer(self, bounds)
  }

  /// Calls `body` with the bytes of `bounds`, contiguous and without a copy, whatever windows they cross.
  ///
  /// All of them are pinned meanwhile, so a hard budget must hold them. O(windows).
  ///
  /// - Throws: what `WindowCursor.use(at:count:)` throws.
  /// - Precondition: `bounds` lie within the buffer.
  public func withBytes<R>(
    in bounds: Range<Int>, _ body: (RawSpan) throws(MapError) -> R
  ) throws(MapError) -> R {
    check(bounds)
    return try storage.withCursor { cursor throws(MapError) in
      defer { cursor.releaseIfWide() }
      try cursor.useChecked(at: origin + Int64(bounds.lowerBound), count: bounds.count)
      return try cursor.lendChecked(body)
    }
  }

  /// The same for a `body` that throws errors of its own.
  ///
  /// - Throws: what `WindowCursor.use(at:count:)` throws, and what `body` throws.
  /// - Precondition: `bounds` lie within the buffer.
  @_disfavoredOverload
  public func withBytes<R>(in bounds: Range<Int>, _ body: (RawSpan) throws -> R) throws -> R {
    let result: Result<R, any Error> = try withBytes(in: bounds) { bytes throws(MapError) in
      do { return .success(try body(bytes)) } catch { return .failure(error) }
    }
    return try result.get()
  }

  /// Calls `body` with the bytes of `bounds` in order, a window at a time and without a copy, and with the index of the first
  /// of them: for what is larger than the budget.
  ///
  /// Only one window is pinned at a time. O(windows) beside what `body` does.
  ///
  /// - Throws: what `WindowCursor.use(at:count:)` throws.
  /// - Precondition: `bounds` lie within the buffer.
  public func forEachChunk(
    in bounds: Range<Int>, _ body: (_ bytes: RawSpan, _ index: Int) throws(MapError) -> Void
  ) throws(MapError) {
    check(bounds)
    try storage.withCursor { cursor throws(MapError) in
      var index = bounds.lowerBound
      while index < bounds.upperBound {
        try enterChunk(index..<bounds.upperBound, &cursor)
        let count = cursor.bytes.byteCount
        try cursor.lendChecked { bytes throws(MapError) in try body(bytes, index) }
        index += count
      }
    }
  }

  /// The same for a `body` that throws errors of its own.
  ///
  /// - Throws: what `WindowCursor.use(at:count:)` throws, and what `body` throws.
  /// - Precondition: `bounds` lie within the buffer.
  @_disfavoredOverload
  public func forEachChunk(
    in bounds: Range<Int>, _ body: (_ bytes: RawSpan, _ index: Int) throws -> Void
  ) throws {
    check(bounds)
    try storage.withCursor { cursor in
      var index = bounds.lowerBound
      while index < bounds.upperBound {
        try enterChunk(index..<bounds.upperBound, &cursor)
        let count = cursor.bytes.byteCount
        try cursor.lendChecked(throwing: { bytes in try body(bytes, index) })
        index += count
      }
    }
  }

  /// Copies the bytes of `bounds` to the start of `destination`, a window at a time.
  ///
  /// - Throws: what `WindowCursor.use(at:count:)` throws.
  /// - Precondition: `bounds` lie within the buffer and fit `destination`.
  public func copyBytes(
    in bounds: Range<Int>, to destination: inout MutableRawSpan
  ) throws(MapError) {
    check(bounds)
    precondition(bounds.count <= destination.byteCount, "the destination is too small")
    try unsafe destination.withUnsafeMutableBytes { target throws(MapError) in
      try storage.withCursor { cursor throws(MapError) in
        var index = bounds.lowerBound
        while index < bounds.upperBound {
          try enterChunk(index..<bounds.upperBound, &cursor)
          let done = index - bounds.lowerBound
          let count = cursor.bytes.byteCount
          unsafe cursor.bytes.withUnsafeBytes { bytes in
            unsafe UnsafeMutableRawBufferPointer(rebasing: target[done..<done + count])
              .copyMemory(from: bytes)
          }
          try cursor.checkShown()
          index += count
        }
      }
    }
  }

  /// Makes the first bytes of `bounds`, which are not empty, readable: as many as their window has, or as fit.
  func enterChunk(_ bounds: Range<Int>, _ cursor: inout WindowCursor) throws(MapError) {
    try cursor.useWhatFits(at: origin + Int64(bounds.lowerBound), atMost: bounds.count)
    if cursor.bytes.isEmpty {
      let start = origin + Int64(bounds.lowerBound)
      throw MapError(
        .fileTruncated, source: storage.source, range: start..<start + Int64(bounds.count))
    }
  }

  /// Gives up the windows that the buffer keeps between accesses, which then may be unloaded. The buffer stays usable. O(1).
  public func release() { storage.release() }

  func check(_ bounds: Range<Int>) {
    precondition(
      bounds.lowerBound >= startIndex && bounds.upperBound <= endIndex, "bounds out of range")
  }

  /// What `Array(buffer)` and the like ask for: copies the first bytes, as many as fit, to `target`, a window at a time.
  ///
  /// A byte that can't be had is 0 there, and `error` is set.
  public func _copyContents(
    initializing target: UnsafeMutableBufferPointer<UInt8>
  ) -> (Iterator, UnsafeMutableBufferPointer<UInt8>.Index) {
    let end = startIndex + Swift.min(count, target.count)
    var copied = startIndex
    storage.withCursor { cursor in
      while copied < end {
        do throws(MapError) {
          try enterChunk(copied..<end, &cursor)
          let place = copied - startIndex
          let rest = unsafe UnsafeMutableRawBufferPointer(
            UnsafeMutableBufferPointer(rebasing: target[place...]))
          let count = cursor.bytes.byteCount
          unsafe cursor.bytes.withUnsafeBytes { unsafe rest.copyMemory(from: $0) }
          try cursor.checkShown()
          copied += count
        } catch {
          storage.note(error)
          let count = Iterator.zeroCount(at: origin + Int64(copied), origin + Int64(end))
          unsafe (target.baseAddress! + (copied - startIndex)).initialize(
            repeating: 0, count: count)
          copied += count
        }
      }
    }
    return (self[end..<endIndex].makeIterator(), end - startIndex)
  }

  /// Lends all bytes at once where the buffer is small beside the budget; nil otherwise, or if they can't be had. O(windows), and what
  /// loading takes. Throws what `body` throws.
  public func withContiguousStorageIfAvailable<R>(
    _ body: (UnsafeBufferPointer<UInt8>) throws -> R
  ) rethrows -> R? {
    if count > storage.core.contiguousLimit { return nil }
    return try storage.withCursor { cursor in
      defer { cursor.releaseIfWide() }
      do {
        try cursor.useChecked(at: origin + Int64(startIndex), count: count)
      } catch {
        return nil
      }
      if cursor.bytes.byteCount < count { return nil }
      defer { if let error = cursor.errorOfShown() { storage.note(error) } }
      return try unsafe cursor.bytes.withUnsafeBytes { bytes in
        try unsafe bytes.withMemoryRebound(to: UInt8.self) { try unsafe body($0) }
      }
    }
  }
}

extension MapManager {
  /// A buffer over a range of the file at a path, or all of it.
  ///
  /// A range that reaches past the end of the file is cut there. Costs a cursor and no reading.
  ///
  /// - Throws: as `cursor(for:)`.
  /// - Precondition: `range` does not begin below 0.
  public func buffer(
    for path: FilePath, range: Range<Int64>? = nil
  ) throws(MapError) -> MapBuffer {
    precondition(range.map { $0.lowerBound >= 0 } ?? true, "the range must not begin below 0")
    return MapBuffer(try cursor(for: path), range: range)
  }

  /// The same for the file behind a descriptor, which stays the caller's.
  public func buffer(
    for descriptor: FileDescriptor, range: Range<Int64>? = nil
  ) throws(MapError) -> MapBuffer {
    precondition(range.map { $0.lowerBound >= 0 } ?? true, "the range must not begin below 0")
    return MapBuffer(try cursor(for: descriptor), range: range)
  }
}
