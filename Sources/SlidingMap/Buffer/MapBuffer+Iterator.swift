import MapProtocols

extension MapBuffer {
  /// Walks over the bytes of a buffer, a window at a time.
  ///
  /// An iterator keeps the window it is in. Copies may be advanced independently.
  @safe
  public struct Iterator: IteratorProtocol {
    private let storage: BufferStorage
    private var place: Place?
    private var current: UnsafePointer<UInt8>?
    private var left = 0
    private var offset: Int64
    private let end: Int64

    /// Owns the cursor whose lease `current` points into.
    private final class Place {
      var cursor: WindowCursor
      init(_ cursor: consuming WindowCursor) { self.cursor = cursor }
    }

    init(_ buffer: MapBuffer) {
      storage = buffer.storage
      offset = buffer.fileRange.lowerBound
      end = buffer.fileRange.upperBound
    }

    /// The next byte; 0 with the buffer's `error` set if it can't be had; nil at the end.
    public mutating func next() -> UInt8? {
      if left == 0 {
        if offset >= end { return nil }
        if !enterWindow() {
          offset += 1
          return 0
        }
      }
      left -= 1
      offset += 1
      defer { unsafe current = current! + 1 }
      return unsafe current!.pointee
    }

    private mutating func enterWindow() -> Bool {
      // A copy of this iterator may still point into the old place's lease.
      if place == nil || !isKnownUniquelyReferenced(&place) {
        place = Place(storage.makeCursor())
      }
      guard let place else { return false }
      do throws(MapError) {
        guard try place.cursor.useWhatFits(at: offset) else {
          throw MapError(.fileTruncated, source: storage.source)
        }
      } catch {
        storage.note(error)
        return false
      }
      left = Int(Swift.min(Int64(place.cursor.bytes.byteCount), end - offset))
      unsafe current = place.cursor.bytes.withUnsafeBytes {
        unsafe $0.baseAddress!.assumingMemoryBound(to: UInt8.self)
      }
      return true
    }
  }

  /// Walks over the bytes. O(1), reads nothing yet.
  public func makeIterator() -> Iterator { Iterator(self) }
}
