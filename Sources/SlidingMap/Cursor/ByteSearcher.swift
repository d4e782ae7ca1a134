import CMapShims

/// A sequence of bytes to look for, prepared once for many searches.
///
/// ```swift
/// let word = ByteSearcher("umbrella".utf8)
/// var count = 0
/// try buffer.forEachRange(of: word) { _ in count += 1 }
/// ```
///
/// One byte is found by memchr(3), more by memmem(3). May be shared among threads.
public struct ByteSearcher: Hashable, Sendable {
  let pattern: [UInt8]

  /// Prepares to look for `pattern`. O(n) for its n bytes.
  public init(_ pattern: some Collection<UInt8>) { self.pattern = Array(pattern) }

  /// How many bytes the pattern has.
  public var count: Int { pattern.count }
}

extension RawSpan {
  /// Where a sequence of bytes first occurs from an offset on; nil if it does not.
  ///
  /// - Parameters:
  ///   - searcher: what to look for; an empty pattern is found at `start`.
  ///   - start: from 0 to `byteCount`.
  /// - Precondition: `start` lies in the span, or at its end.
  /// - Complexity: O(n) for the n bytes from `start` to the end of what is found.
  public func firstRange(of searcher: ByteSearcher, from start: Int = 0) -> Range<Int>? {
    precondition((0...byteCount).contains(start), "the start lies outside the span")
    let count = searcher.count
    if count == 0 { return start..<start }
    let place = unsafe withUnsafeBytes { bytes in
      unsafe smap_find(
        bytes.baseAddress.map { unsafe $0 + start }, bytes.count - start, searcher.pattern, count)
    }
    return place < 0 ? nil : start + place..<start + place + count
  }

  /// Where a sequence of bytes occurs: ascending, and none overlaps the one before.
  ///
  /// - Parameter searcher: what to look for; an empty pattern occurs nowhere.
  /// - Complexity: O(n) for the n bytes of the span.
  public func ranges(of searcher: ByteSearcher) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    appendRanges(of: searcher, movedBy: 0, to: &ranges, atMost: .max)
    return ranges
  }

  /// Appends where a sequence of bytes occurs, until there are so many places, each moved by as much.
  func appendRanges(
    of searcher: ByteSearcher, movedBy distance: Int, to ranges: inout [Range<Int>],
    atMost most: Int
  ) {
    if searcher.count == 0 { return }
    var start = 0
    while ranges.count < most, let found = firstRange(of: searcher, from: start) {
      ranges.append(found.lowerBound + distance..<found.upperBound + distance)
      start = found.upperBound
    }
  }
}
