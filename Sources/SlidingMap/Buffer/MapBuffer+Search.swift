public import MapProtocols

extension MapBuffer {
  /// Where a sequence of bytes first occurs within `bounds`, whatever windows it crosses; nil if it does not.
  ///
  /// Searches each window where it lies, by memmem(3), and what crosses from one to the next in a copy. O(n) with the C
  /// library's search, for n bytes of `bounds`; an empty pattern is found at the start.
  ///
  /// - Parameters:
  ///   - searcher: what to look for.
  ///   - bounds: indices of the buffer; all of it if left out.
  /// - Throws: what `WindowCursor.use(at:count:)` throws.
  /// - Precondition: `bounds` lie within the buffer.
  public func firstRange(
    of searcher: ByteSearcher, in bounds: Range<Int>? = nil
  ) throws(MapError) -> Range<Int>? {
    var bounds = bounds ?? startIndex..<endIndex
    check(bounds)
    if searcher.count == 0 { return bounds.lowerBound..<bounds.lowerBound }
    var found: [Range<Int>] = []
    while found.isEmpty && bounds.count >= searcher.count {
      bounds = try search(for: searcher, in: bounds, atMost: 1, &found)..<bounds.upperBound
    }
    return found.first
  }

  /// The same for a sequence that is looked for once; to look for it again and again prepare a `ByteSearcher`.
  public func firstRange(
    of pattern: some Collection<UInt8>, in bounds: Range<Int>? = nil
  ) throws(MapError) -> Range<Int>? {
    try firstRange(of: ByteSearcher(pattern), in: bounds)
  }

  /// Calls `body` with each place where a sequence of bytes occurs within `bounds`, whatever windows it crosses: ascending, and none
  /// overlaps the one before.
  ///
  /// O(n) with the C library's search, for n bytes of `bounds`; each place costs no more than a search that begins there. Many places are
  /// found before `body` is called with the first.
  ///
  /// - Parameters:
  ///   - searcher: what to look for; an empty pattern occurs nowhere.
  ///   - bounds: indices of the buffer; all of it if left out.
  ///   - body: may use the buffer, and throws an error of its own to end the search.
  /// - Throws: what `WindowCursor.use(at:count:)` throws, and what `body` throws.
  /// - Precondition: `bounds` lie within the buffer.
  public func forEachRange(
    of searcher: ByteSearcher, in bounds: Range<Int>? = nil, _ body: (Range<Int>) throws -> Void
  ) throws {
    var bounds = bounds ?? startIndex..<endIndex
    check(bounds)
    if searcher.count == 0 { return }
    var found: [Range<Int>] = []
    while bounds.count >= searcher.count {
      found.removeAll(keepingCapacity: true)
      let failure: MapError?
      do throws(MapError) {
        let next = try search(for: searcher, in: bounds, atMost: Self.foundTogether, &found)
        bounds = next..<bounds.upperBound
        failure = nil
      } catch {
        failure = error
      }
      // Before the error: what was found was there.
      for range in found { try body(range) }
      if let failure { throw failure }
    }
  }

  /// Where a sequence of bytes occurs within `bounds`; see `forEachRange(of:in:_:)`.
  public func ranges(
    of searcher: ByteSearcher, in bounds: Range<Int>? = nil
  ) throws(MapError) -> [Range<Int>] {
    var bounds = bounds ?? startIndex..<endIndex
    check(bounds)
    var found: [Range<Int>] = []
    while searcher.count > 0 && bounds.count >= searcher.count {
      bounds = try search(for: searcher, in: bounds, atMost: .max, &found)..<bounds.upperBound
    }
    return found
  }

  /// Places that are found before anybody is told of one.
  private static var foundTogether: Int { 1024 }

  /// Searches the window that `bounds` begin in, and across its end.
  ///
  /// - Parameter most: how many places there may be in `found`, to which they are appended.
  /// - Returns: where to go on.
  private func search(
    for searcher: ByteSearcher, in bounds: Range<Int>, atMost most: Int, _ found: inout [Range<Int>]
  ) throws(MapError) -> Int {
    let before = found.count
    // The cursor is given back before the border is copied, which takes one, too.
    let count = try storage.withCursor { cursor throws(MapError) in
      try enterChunk(bounds, &cursor)
      cursor.bytes.appendRanges(
        of: searcher, movedBy: bounds.lowerBound, to: &found, atMost: most)
      let count = cursor.bytes.byteCount
      do throws(MapError) {
        try cursor.checkShown()
      } catch {
        found.removeSubrange(before...)
        throw error
      }
      return count
    }
    if found.count == most { return found[most - 1].upperBound }
    let start = found.count > before ? found[found.count - 1].upperBound : bounds.lowerBound
    let end = bounds.lowerBound + count
    if end == bounds.upperBound { return end }
    // What begins in this window and ends in a later one reaches at most so far to both sides of the border.
    let reach = searcher.count - 1
    let border = Swift.max(start, end - reach)..<Swift.min(end + reach, bounds.upperBound)
    if border.count <= reach { return end }
    var copy = [UInt8](repeating: 0, count: border.count)
    var span = copy.mutableSpan
    var bytes = unsafe span.mutableBytes
    try copyBytes(in: border, to: &bytes)
    guard let place = unsafe copy.span.bytes.firstRange(of: searcher) else { return end }
    found.append(border.lowerBound + place.lowerBound..<border.lowerBound + place.upperBound)
    return border.lowerBound + place.upperBound
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
