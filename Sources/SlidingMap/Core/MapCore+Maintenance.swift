import CMapShims
import MapProtocols
import SystemPackage

extension MapCore {
  /// Unloads every region that nobody uses and closes every handle that can be done without.
  func collect() -> Int {
    unload { _ in true }
  }

  /// The same for files under a path.
  func unload(under path: FilePath) -> Int {
    let path = (primary.provider.resolve(.path(path)).path ?? path).lexicallyNormalized()
    return unload { file in
      file.sources.contains { $0.path?.lexicallyNormalized().starts(with: path) == true }
    }
  }

  private func unload(where isMeant: (TrackedFile) -> Bool) -> Int {
    if isForked { return 0 }
    var token = LockToken(inTurn: self)
    // Kept, so that no other edition is taken for one of them.
    var meant: [ObjectIdentifier: Edition] = [:]
    places.forEachEdition { if isMeant($0.file) { meant[ObjectIdentifier($0)] = $0 } }
    var chores = Chores()
    var count = 0
    var next = 0
    // Some at a time: who comes for a region meanwhile that is looked at waits for the lock.
    while next < residency.capacity {
      token.pause()
      drainLogs()
      let slots = (next..<min(next + Self.collectedTogether, residency.capacity))
        .map { RegionSlot($0) }
        .filter { slot in
          residency.isHeld(slot)
            && residency.edition(of: slot).map { meant[ObjectIdentifier($0)] != nil } == true
        }
      next += Self.collectedTogether
      count += unloadUnused(slots, &chores, &token)
      perform(&chores, &token)
    }
    for edition in meant.values where !edition.file.any({ $0.cursors > 0 }) {
      closeHandle(of: edition.file, &chores)
    }
    chores.givesTablesBack = true
    perform(&chores, &token)
    emptyCopies(&token)
    endOvershoot(&chores, &token)
    return count
  }

  /// How many regions are looked at together: some microseconds' work.
  private static let collectedTogether = 256

  /// Gives the pages back of memory for copies that nobody holds. Called with the lock, which is given up meanwhile.
  private func emptyCopies(_ token: inout LockToken) {
    guard let memory = copies.beginEmptying() else { return }
    token.unlocked { memory.drop() }
    copies.endEmptying()
    wakeAll()
    var chores = Chores()
    closeCopies(&chores)
    perform(&chores, &token)
  }

  /// Ends service: unloads what nobody uses now and the rest as its leases end. Idempotent; each of several calls at a time
  /// returns when all is closed.
  func shutdown() {
    if isForked { return }
    closeAll()
    endObservations()
    openings.shutdown()
    warmings.shutdown()
    let given = locked { loads.submitted }
    let haveEnded = [primary, takeover].compactMap { $0?.end() }
    if haveEnded.contains(false) {
      waitForLoads()
    } else {
      endWaits(for: given)
    }
  }

  /// Ends the waits for loads whose ends a backend has not told though it has ended: they might be waited for for ever. Within the end of a
  /// load others may be told afterwards.
  private func endWaits(for given: [LoadTicket.Submission]) {
    if smap_completion_depth(0) > 0 { return }
    locked {
      for submission in given {
        for ticket in submission.pending { loads.end(ticket, submission.backend.untoldEnd()) }
      }
      wakeAll()
    }
  }

  /// Waits for loads under way of a backend that others use, too, so that it did not end; not within the end of a load, which may be the
  /// one that others come after.
  private func waitForLoads() {
    if smap_completion_depth(0) > 0 { return }
    var token = lock()
    while loads.count > 0 { token.wait() }
  }

  private func closeAll() {
    var token = lock()
    isShutDown = true
    shutdowns += 1
    // From now on each change of a lease comes by and unloads.
    isOvershooting = true
    var chores = Chores()
    try? makeRoom(for: .none, &chores, &token)
    closeCopies(&chores)
    chores.cancellations += loads.cancelAll()
    handlesMoved()
    var editions: [Edition] = []
    places.forEachEdition { editions.append($0) }
    for edition in editions { retireIfUnused(edition, &chores) }
    perform(&chores, &token)
    shutdowns -= 1
    wakeAll()
    // What one of them has taken off the books it may still be closing.
    while shutdowns > 0 { token.wait() }
  }

  var statistics: MapStatistics {
    if isForked { return MapStatistics() }
    var (result, pinned) = inTurn { readStatistics() }
    // Leases overlap.
    result.pinned = pinned.values.reduce(0) { sum, leases in
      leases.runs().reduce(sum) { $0 + $1.count }
    }
    return result
  }

  /// Everything but how many windows are pinned, and the leases by edition. Called with the lock.
  private func readStatistics() -> (MapStatistics, pinned: [ObjectIdentifier: [Range<Int>]]) {
    var result = MapStatistics()
    result.counts = counters
    var pinned: [ObjectIdentifier: [Range<Int>]] = [:]
    places.forEachEdition { edition in
      if edition === edition.file.current ?? edition.file.older.first {
        result.files += 1
        if edition.backend !== primary { result.takeoverFiles += 1 }
      }
      result.counts.hits += edition.pins.hits
      result.counts.bypasses += edition.pins.bypasses
      result.counts.faults += edition.poison.faults
      edition.pins.forEach { pin in
        let windows = pin.windows(edition.grid)
        if !windows.isEmpty { pinned[ObjectIdentifier(edition), default: []].append(windows) }
      }
    }
    result.counts.hits += recency.loggedHits
    result.counts.droppedHits = recency.droppedHits
    result.counts.pinScans = proofs.scanCount
    result.cursors = cursors
    result.inFlight = loads.count
    result.lockedBytes = lockedBytes
    result.usage = ledger.usage
    result.peak = ledger.peak
    result.limits = ledger.limits
    result.policy = recency.policyName
    result.backend = primary.name
    result.takeoverBackend = takeover?.name
    return (result, pinned)
  }
}
