import MapProtocols

/// What is brought in before anybody uses it.
extension MapCore {
  /// Starts bringing ranges in as far as the budget goes; what fails will fail again for those who use it.
  func prefetch(_ edition: Edition, _ ranges: [Range<Int64>]) {
    if isForked { return }
    let rest = adviseWanted(edition, ranges)
    if !rest.isEmpty { load(rest, of: edition) }
  }

  private func load(_ ranges: [Range<Int64>], of edition: Edition) {
    _ = try? startLoading(edition, ranges, isAhead: true)
  }

  /// Has the bytes of ranges read ahead where windows load when touched: the page cache is where mapped bytes come from, and it is in
  /// no budget.
  ///
  /// - Returns: what windows must be loaded for instead.
  private func adviseWanted(_ edition: Edition, _ ranges: [Range<Int64>]) -> [Range<Int64>] {
    var token = lock()
    let ranges = ranges.map { $0.clamped(to: 0..<edition.size) }.filter { !$0.isEmpty }
    if loadsAhead(edition) { return windows(of: ranges, edition) }
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

  /// Whether windows must be loaded to have their bytes read ahead. Only loaded windows have addresses in spans, where each is for itself.
  private func loadsAhead(_ edition: Edition) -> Bool {
    !edition.backend.loadsWhenTouched || edition.isInSpans
  }

  /// The parts of ranges that lie in a window each, no more of them than the budget holds.
  private func windows(of ranges: [Range<Int64>], _ edition: Edition) -> [Range<Int64>] {
    var left = windowsHeld
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

  /// How many windows of a page or more the budget holds at most.
  private var windowsHeld: Int {
    let limits = ledger.limits
    return min(limits.regions, limits.bytes == .max ? .max : limits.bytes / pageSize)
  }

  // MARK: Walks

  /// Starts loading a window and those that follow it, for who goes through a file from front to back. None of them leaves until the walk
  /// has passed it, unless others can't go on without its room.
  ///
  /// What lies in the budget is half of it at most, of all walks together; what the page cache has is as much as is asked for, and the next
  /// window is mapped.
  ///
  /// - Parameters:
  ///   - walk: the slot of the walk's cursor.
  ///   - next: the window that is to be used.
  ///   - count: how many windows after it are to be read ahead.
  ///   - started: up to which offset the walk has started loads, which this moves on.
  ///   - size: the file's, as the walk knows it.
  func readAhead(
    of edition: Edition, for walk: Pin, from next: Int, _ count: Int, _ started: inout Int64,
    fileSize size: Int64
  ) {
    if isForked || count == 0 { return }
    let last = edition.grid.count(fileSize: size) - 1
    let (end, mapped) = locked {
      let isLoaded = loadsAhead(edition)
      let spared = min(isLoaded ? count : 1, last - next, unsafe share(of: edition, for: walk))
      if spared > 0 {
        unsafe evictor.spare(next..<next + spared + 1, of: edition, for: walk)
      } else {
        unsafe evictor.endSparing(of: edition, for: walk)
      }
      let end = isLoaded ? next + spared : next + min(count, last - next)
      return (end, isLoaded || spared == 0 ? nil : next + spared)
    }
    let bytes = edition.grid.bytes(of: end, fileSize: size)
    if bytes.upperBound > started {
      prefetch(edition, [started..<bytes.upperBound])
      started = bytes.upperBound
    }
    if let mapped { load([edition.grid.bytes(of: mapped, fileSize: size)], of: edition) }
  }

  /// How many windows of an edition a walk may have read ahead: its share of half of what the budget holds.
  private func share(of edition: Edition, for walk: Pin) -> Int {
    let limits = ledger.limits
    let byteCount = max(edition.charge(for: 0, pageSize: pageSize), pageSize)
    let half = min(limits.regions, limits.bytes / byteCount) / 2
    return unsafe half / (evictor.walks(otherThan: walk) + 1)
  }
}
