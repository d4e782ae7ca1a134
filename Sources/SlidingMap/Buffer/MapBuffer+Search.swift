import CMapShims
public import MapProtocols

extension MapBuffer {
  /// Where a sequence of bytes first occurs within `bounds`, whatever windows it crosses; nil if it does not.
  ///
  /// Searches each window where it lies, by memmem(3), and what crosses from one to the next in a copy. O(n) with the C
  /// library's search, for n bytes of `bounds`; an empty pattern is found at the start.
  ///
  /// - Parameters:
  ///   - pattern: what to look for.
  ///   - bounds: indices of the buffer; all of it if left out.
  /// - Throws: what `WindowCursor.use(at:count:)` throws.
  /// - Precondition: `bounds` lie within the buffer.
  public func firstRange(
    of pattern: some Collection<UInt8>, in bounds: Range<Int>? = nil
  ) throws(MapError) -> Range<Int>? {
    let bounds = bounds ?? startIndex..<endIndex
    let pattern = Array(pattern)
    if pattern.isEmpty { return bounds.lowerBound..<bounds.lowerBound }
    // What begins in one chunk and ends in a later one reaches at most so far to both sides of the border.
    let reach = pattern.count - 1
    check(bounds)
    var index = bounds.lowerBound
    while bounds.upperBound - index > reach {
      let left = index..<bounds.upperBound
      // The cursor is given back before the border is copied, which takes one, too.
      let chunk = try storage.withCursor { cursor throws(MapError) in
        try enterChunk(left, &cursor)
        let found = (
          count: cursor.bytes.byteCount, place: cursor.bytes.firstPlace(of: pattern)
        )
        try cursor.checkShown()
        return found
      }
      if let place = chunk.place { return index + place..<index + place + pattern.count }
      let end = index + chunk.count
      let border = Swift.max(index, end - reach)..<Swift.min(end + reach, bounds.upperBound)
      if border.count > reach && end < bounds.upperBound && reach > 0 {
        var copy = [UInt8](repeating: 0, count: border.count)
        var span = copy.mutableSpan
        var bytes = unsafe span.mutableBytes
        try copyBytes(in: border, to: &bytes)
        if let place = unsafe copy.span.bytes.firstPlace(of: pattern) {
          let start = border.lowerBound + place
          return start..<start + pattern.count
        }
      }
      index = end
    }
    return nil
  }

  /// What `firstIndex(of:)` asks first. Searches a window at a time, by memchr(3).
  ///
  /// - Returns: nil where a byte can't be had: then the search goes on byte by byte, which tells by `error`.
  public func _customIndexOfEquatableElement(_ element: UInt8) -> Int?? {
    do throws(MapError) {
      return .some(try firstRange(of: CollectionOfOne(element))?.lowerBound)
    } catch {
      return nil
    }
  }

  /// What `contains(_:)` asks first; see `_customIndexOfEquatableElement(_:)`.
  public func _customContainsEquatableElement(_ element: UInt8) -> Bool? {
    _customIndexOfEquatableElement(element).map { $0 != nil }
  }
}

extension RawSpan {
  /// Where a sequence of bytes, not empty, first begins.
  fileprivate func firstPlace(of pattern: [UInt8]) -> Int? {
    unsafe withUnsafeBytes { bytes in
      let place = unsafe smap_find(bytes.baseAddress, bytes.count, pattern, pattern.count)
      return place < 0 ? nil : place
    }
  }
}
