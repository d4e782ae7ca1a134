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
    guard !edition.backend.isCopying, let extent = edition.extent else { return }
    let windows = edition.grid.windows(of: wanted)
    var isNear = false
    let advice: AccessAdvice
    switch pattern {
    case .learned:
      isNear = edition.history.note(wanted, after: shown, windows)
      advice = edition.history.isRandom ? .random : .normal
    case .normal: advice = .normal
    case .sequential: advice = .sequential
    case .random: advice = .random
    }
    if edition.history.tell(advice) {
      give(
        advice, ExtentRange(extent: extent, offset: 0, byteCount: extent.byteCount), edition,
        &chores)
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

  func give(
    _ advice: AccessAdvice, _ region: ExtentRange, _ edition: Edition, _ chores: inout Chores
  ) {
    // The file may have been found cut short since, and its extent be another.
    if region.offset + Int64(region.byteCount) > region.extent.byteCount { return }
    places.beginExtentUse(of: edition)
    chores.advice.append(
      Advice(edition: edition, owner: edition.backend, region: region, advice: advice))
  }
}
