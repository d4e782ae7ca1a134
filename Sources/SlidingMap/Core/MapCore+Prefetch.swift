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

  /// Starts loading a window and those that follow it, for who goes through a file from front to back. They are kept until the walk has
  /// passed them, unless others can't go on without their room.
  ///
  /// What lies in a budget is half of it at most; what the page cache has is as much as is asked for, and the next window is mapped.
  ///
  /// - Parameters:
  ///   - pin: the walk's own, which covers nothing else.
  ///   - next: the window that is to be used.
  ///   - count: how many windows after it are to be read ahead.
  ///   - started: up to which offset the walk has started loads, which this moves on.
  ///   - size: the file's, as the walk knows it.
  func readAhead(
    of edition: Edition, _ pin: Pin, from next: Int, _ count: Int, _ started: inout Int64,
    fileSize size: Int64
  ) {
    if isForked || count == 0 { return }
    let last = edition.grid.count(fileSize: size) - 1
    let (end, mapped) = locked {
      let isLoaded = loadsAhead(edition)
      let kept = min(isLoaded ? count : 1, last - next, windowsKept(of: edition))
      unsafe keep(next..<next + (kept > 0 ? kept + 1 : 0), of: edition, pin)
      let end = isLoaded ? next + kept : next + min(count, last - next)
      return (end, isLoaded || kept == 0 ? nil : next + kept)
    }
    let bytes = edition.grid.bytes(of: end, fileSize: size)
    if bytes.upperBound > started {
      prefetch(edition, [started..<bytes.upperBound])
      started = bytes.upperBound
    }
    if let mapped { load([edition.grid.bytes(of: mapped, fileSize: size)], of: edition) }
  }

  /// Half of the windows that the budget holds.
  private func windowsKept(of edition: Edition) -> Int {
    let limits = ledger.limits
    let byteCount = edition.charge(for: 0, pageSize: pageSize)
    return min(limits.regions, limits.bytes / max(byteCount, pageSize)) / 2
  }

  /// Moves the pin of a walk.
  private func keep(_ windows: Range<Int>, of edition: Edition, _ pin: Pin) {
    let old = unsafe pin.pointee.windows(edition.grid)
    if windows.isEmpty {
      unsafe pin.pointee.store(0)
      unsafe loads.endAhead(pin)
    } else {
      unsafe pin.pointee.publish(
        start: edition.grid.start(of: windows.lowerBound), count: windows.count)
      unsafe loads.beginAhead(pin)
    }
    suspect(old, of: edition)
  }

  /// Lets go of windows that were read ahead and are wanted by nobody yet, as room is short. Called with the lock.
  ///
  /// - Returns: whether there may be any.
  func giveUpAhead() -> Bool {
    if !loads.giveUpAhead() { return false }
    // As after a lease that ended.
    evictor.suspectAll()
    return true
  }

  /// The same for who asks for bytes, and not where they are only read ahead themselves.
  func giveUpAhead(unlessAheadIn chores: Chores) -> Bool {
    (!chores.isAhead || isShutDown) && giveUpAhead()
  }
}
