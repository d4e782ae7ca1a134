extension Sequence<ExtentRange> {
  /// The addresses of the ranges' pages, ascending, neighbours joined. O(n log n).
  package func runs(pageSize: Int) -> [Range<UInt>] {
    let mask = UInt(pageSize - 1)
    let runs = RangeSet(
      map { region in
        let start = unsafe UInt(bitPattern: region.start)
        return start..<(start + UInt(region.byteCount) + mask) & ~mask
      })
    return Array(runs.ranges)
  }
}
