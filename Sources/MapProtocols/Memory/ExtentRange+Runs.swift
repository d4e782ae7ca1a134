extension Sequence<ExtentRange> {
  /// The addresses of the ranges' pages, ascending, neighbours joined. O(n log n).
  package func runs(pageSize: Int) -> [Range<UInt>] {
    let mask = UInt(pageSize - 1)
    let ranges = map { region in
      let start = unsafe UInt(bitPattern: region.start)
      return start..<(start + UInt(region.byteCount) + mask) & ~mask
    }
    var runs: [Range<UInt>] = []
    for next in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where !next.isEmpty {
      if let last = runs.last, next.lowerBound <= last.upperBound {
        runs[runs.count - 1] = last.lowerBound..<Swift.max(last.upperBound, next.upperBound)
      } else {
        runs.append(next)
      }
    }
    return runs
  }
}
