import MapProtocols

/// What is brought in before anybody uses it.
extension MapCore {
  /// Starts bringing ranges in as far as the budget goes; what fails will fail again for those who use it.
  func prefetch(_ edition: Edition, _ ranges: [Range<Int64>]) {
    if isForked { return }
    let rest = adviseWanted(edition, ranges)
    if !rest.isEmpty { _ = try? startLoading(edition, rest) }
  }

  /// Has the bytes of ranges read ahead where windows load when touched: the page cache is where mapped bytes come from, and it is in
  /// no budget.
  ///
  /// - Returns: what windows must be loaded for instead.
  private func adviseWanted(_ edition: Edition, _ ranges: [Range<Int64>]) -> [Range<Int64>] {
    var token = lock()
    let ranges = ranges.map { $0.clamped(to: 0..<edition.size) }.filter { !$0.isEmpty }
    // Only loaded windows have addresses in spans, where each is for itself.
    if !edition.backend.loadsWhenTouched || edition.isInSpans {
      return windows(of: ranges, edition)
    }
    guard let extent = edition.extent else { return [] }
    var chores = Chores()
    for range in ranges {
      let start = range.lowerBound / Int64(pageSize) * Int64(pageSize)
      let bytes = ExtentRange(
        extent: extent, offset: start, byteCount: Int(range.upperBound - start))
      give(.willNeed, bytes, edition, &chores)
    }
    perform(&chores, &token)
    retireAfterShutdown(edition, &token)
    return []
  }

  /// The parts of ranges that lie in a window each, no more of them than the budget holds.
  private func windows(of ranges: [Range<Int64>], _ edition: Edition) -> [Range<Int64>] {
    let limits = ledger.limits
    let bySize = limits.bytes == .max ? .max : limits.bytes / pageSize
    var left = min(limits.regions, bySize)
    var parts: [Range<Int64>] = []
    for range in ranges {
      for window in edition.grid.windows(of: range) {
        if left == 0 { return parts }
        left -= 1
        parts.append(
          edition.grid.bytes(of: window, fileSize: edition.size).clamped(to: range))
      }
    }
    return parts
  }
}
