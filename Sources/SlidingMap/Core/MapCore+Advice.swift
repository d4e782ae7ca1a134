import MapProtocols

/// Telling backends how files are read. Only requests that miss come here, and what is said is said outside the lock.
extension MapCore {
  /// Learns from a request that missed, and has the backend told if that changes what the file is taken for.
  ///
  /// A file read at random is read by nobody ahead, so of each request that misses its own bytes are asked for at once:
  /// otherwise each page of it would wait for the disk.
  ///
  /// - Parameter shown: what the reader read before; empty if that is not known.
  func advise(
    _ edition: Edition, _ wanted: Range<Int64>, after shown: Range<Int64>, _ chores: inout Chores
  ) {
    // Copies are read as they are asked for.
    if edition.backend.isCopying { return }
    let windows = edition.grid.windows(of: wanted)
    let isNear =
      pattern == .learned && edition.history.note(wanted, after: shown, windows)
    guard let extent = edition.place(of: windows.lowerBound) else { return }
    let advice = advice(for: edition)
    // Spans are told when they are made.
    if !edition.isInSpans, edition.history.tell(advice) {
      forgetHotWindows(of: edition)
      give(
        advice, ExtentRange(extent: extent, offset: 0, byteCount: extent.byteCount), edition,
        &chores)
      // Who says himself that a file is read at random is believed.
      if advice == .random && pattern == .learned {
        hot.watch()
        for slot in residency.slots(of: edition) { adviseHot(slot, &chores) }
      }
    }
    if advice != .random || chores.isAsynchronous { return }
    var start = wanted.lowerBound
    var end = min(wanted.upperBound, start + Int64(AccessHistory.large))
    let last = edition.grid.bytes(of: windows.upperBound, fileSize: edition.size).upperBound
    if !edition.backend.loadsByItself {
      start = edition.grid.start(of: windows.lowerBound)
      end = last
    } else if isNear {
      end = min(last, start + Int64(AccessHistory.large))
    }
    start = start / Int64(pageSize) * Int64(pageSize)
    // A page alone is read by the touch that finds it missing.
    if end - start <= Int64(pageSize) { return }
    give(
      .willNeed, ExtentRange(extent: extent, offset: start, byteCount: Int(end - start)), edition,
      &chores)
  }

  /// How a file is taken to be read.
  func advice(for edition: Edition) -> AccessAdvice {
    switch pattern {
    case .learned: edition.history.isRandom ? .random : .normal
    case .normal: .normal
    case .sequential: .sequential
    case .random: .random
    }
  }

  /// Has the kernel keep the pages of windows that have proved themselves.
  func adviseHot(_ chores: inout Chores) {
    for slot in hot.takeProved() { adviseHot(slot, &chores) }
  }

  private func adviseHot(_ slot: RegionSlot, _ chores: inout Chores) {
    guard pattern == .learned, hot.isProved(slot), residency.isHeld(slot),
      let edition = residency.edition(of: slot), edition.history.isToldRandom
    else { return }
    guard !edition.isChangingPlace, let range = range(of: slot),
      ledger.hasAmpleMaps(beside: HotWindows.mapsPerWindow)
    else {
      // Once more when it has proved itself again.
      hot.forget(slot)
      return
    }
    hot.tell(slot)
    ledger.chargeExtent(maps: HotWindows.mapsPerWindow, addresses: 0)
    give(.normal, range, edition, hot: slot, &chores)
  }

  /// Takes back what the kernel was told of hot windows, each of which takes kernel maps. O(regions).
  ///
  /// - Returns: false if there are none.
  func coolDown(_ chores: inout Chores) -> Bool {
    if hot.count == 0 { return false }
    for index in 0..<residency.capacity where hot.isTold(RegionSlot(index)) {
      adviseLeaving(RegionSlot(index), &chores)
    }
    return true
  }

  /// The same at once. The lock is given up meanwhile.
  func coolDown(_ token: inout LockToken) -> Bool {
    var chores = Chores()
    let isAny = coolDown(&chores)
    perform(&chores, &token)
    return isAny
  }

  /// Ends the telling of something. A window that left while it was told apart as hot is read at random again.
  func finish(_ advice: Advice, _ chores: inout Chores) {
    let edition = advice.edition
    if let slot = advice.hot, edition.history.isToldRandom, let extent = edition.extent,
      unsafe extent.base == advice.region.extent.base,
      !hot.isTold(slot) || residency.edition(of: slot) !== edition
        || range(of: slot)?.offset != advice.region.offset
    {
      give(.random, advice.region, edition, &chores)
    }
    leaveExtent(of: edition, &chores)
  }

  /// Takes back what the kernel was told of a window that leaves: its pages will be read at random again.
  func adviseLeaving(_ slot: RegionSlot, _ chores: inout Chores) {
    if hot.isTold(slot) {
      untellHot(slot)
      if let edition = residency.edition(of: slot), let range = range(of: slot) {
        give(.random, range, edition, &chores)
      }
    }
    hot.forget(slot)
  }

  /// Notes that nothing is told of an edition's windows apart from the rest.
  func forgetHotWindows(of edition: Edition) {
    if hot.count == 0 { return }
    for slot in residency.slots(of: edition) where hot.isTold(slot) { untellHot(slot) }
  }

  private func untellHot(_ slot: RegionSlot) {
    hot.untell(slot)
    ledger.creditExtent(maps: HotWindows.mapsPerWindow, addresses: 0)
  }

  func give(
    _ advice: AccessAdvice, _ region: ExtentRange, _ edition: Edition, hot: RegionSlot? = nil,
    _ chores: inout Chores
  ) {
    // The file may have been found cut short since, and its extent be another.
    if region.offset + Int64(region.byteCount) > region.extent.range.upperBound { return }
    places.beginExtentUse(of: edition)
    chores.advice.append(
      Advice(
        edition: edition, owner: edition.backend, region: region, advice: advice, hot: hot))
  }
}
