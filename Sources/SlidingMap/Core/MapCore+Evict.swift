import MapProtocols
import Synchronization

extension MapCore {
  /// What a window of `byteCount` bytes takes of the budget.
  func demand(for edition: Edition, byteCount: Int) -> Ledger.Demand {
    Ledger.Demand(
      bytes: byteCount, regions: 1, maps: edition.mapsPerWindow,
      addresses: edition.addressesPerWindow,
      isHard: ledger.limits.isHard || edition.backend.isCopying)
  }

  /// Whether the windows of a range are more than a hard budget holds, so that none need to be loaded to find that out.
  func exceedsBudget(_ range: Range<Int64>, of edition: Edition) -> Bool {
    demand(for: edition, byteCount: 0).isHard
      && (range.count > ledger.limits.bytes
        || edition.grid.windows(of: range).count > ledger.limits.regions)
  }

  /// Chooses victims until a demand fits the budget. Called with the lock, which may be given up in between; a hard demand
  /// waits for loads under way, unless it is for one of these.
  ///
  /// - Throws: `.budgetExhausted` where the demand is hard and everything left is pinned. Otherwise the budget is overshot.
  func makeRoom(for demand: Ledger.Demand, _ chores: inout Chores, _ token: inout LockToken)
    throws(MapError)
  {
    if demand.isHard && demand.bytes > ledger.limits.bytes { throw MapError(.budgetExhausted) }
    if !demand.isNone && !fits(demand) { noteFull() }
    while !fits(demand) {
      if chores.isOvershot && isOvershooting && !demand.isNone && !demand.isHard && !isShutDown {
        counters.overshoots += demand.regions
        return
      }
      if isShutDown && !demand.isNone { throw MapError(.shutdown) }
      let ended = loads.windowsEnded
      if !isShutDown && ledger.fitsInMemory(demand) {
        // Kernel maps or addresses are short, and most windows have none to give back.
        evictor.noteRoomInMemory()
        if try makePlaces(for: demand, &chores, &token) { continue }
        // The lock was given up meanwhile.
        if isShutDown || !ledger.fitsInMemory(demand) { continue }
        // As below.
        if !isOvershooting {
          isOvershooting = true
          continue
        }
        if !demand.isNone { counters.overshoots += demand.regions }
        evictor.notePlacesInUse()
        return
      }
      let isAhead = chores.isAhead && !demand.isNone
      if let victim = nextVictim(isAhead: isAhead, &token) {
        leave(victim, evicted: true, &chores)
      } else if fits(demand) {
        // Others unloaded while the lock was given up.
        break
      } else if demand.isHard && (chores.isAsynchronous || !ledger.fitsInMemory(demand)) {
        // What was prefetched is in use only until it is there, which it may have come to be during the search.
        if loads.windowsEnded != ended { continue }
        if loads.windows == 0 || chores.isAsynchronous { throw MapError(.budgetExhausted) }
        if let error = perform(&chores, &token) { throw error }
        if loads.windows > 0 && !fits(demand) && !isShutDown {
          waitForHandles(&token)
        }
      } else if !isOvershooting {
        // Raised before one more scan: whoever lets go after that scan sees the flag and comes here.
        isOvershooting = true
      } else {
        counters.overshoots += demand.regions
        chores.isOvershot = !demand.isNone
        // A load that nobody waits for ends without a lease.
        if loads.windows == 0 { evictor.noteAllInUse() }
        return
      }
    }
    // What needs no kernel map and no address fits also while these are overshot.
    if isOvershooting && !isShutDown && fits(.none) { isOvershooting = false }
  }

  /// Unloads what the policy lets go, one after the other, as long as that is wanted. Called with the lock, which is given up in
  /// between.
  ///
  /// - Parameter forPlaces: whether only that goes which gives kernel maps or addresses back.
  /// - Returns: whether anything was unloaded.
  func evict(
    forPlaces: Bool = false, _ token: inout LockToken, while isWanted: () -> Bool
  ) -> Bool {
    drainLogs()
    var chores = Chores()
    var isAny = false
    while isWanted() {
      if forPlaces {
        if (try? givePlacesBack(&chores, &token)) != true { break }
      } else {
        guard let victim = nextVictim(&token) else { break }
        leave(victim, evicted: true, &chores)
      }
      isAny = true
    }
    perform(&chores, &token)
    return isAny
  }

  /// Unloads windows after the system refused the memory of others: an eighth of all, and no less than is to come. Called with the
  /// lock, which is given up in between.
  ///
  /// - Returns: whether anything was unloaded, so that it is worth another try.
  func stepBack(
    from byteCount: Int, isScattered: Bool, _ token: inout LockToken
  ) -> Bool {
    refreshLimits(&token)
    let goal = ledger.usage.bytes - max(ledger.usage.bytes / 8, byteCount)
    return evict(forPlaces: isScattered, &token) { ledger.usage.bytes > goal }
  }

  /// Whether a demand fits beside what is there.
  func fits(_ demand: Ledger.Demand) -> Bool {
    isShutDown ? ledger.usage.regions == 0 : ledger.fits(demand)
  }

  /// The region that the policy lets go, proved unused, or nil if all are in use. Called with the lock, which may be given
  /// up in between.
  ///
  /// - Parameter isAhead: whether nothing may go that walks have read ahead. Else that goes last.
  func nextVictim(isAhead: Bool = false, _ token: inout LockToken) -> RegionSlot? {
    var search = Evictor.Search(sparesAhead: true)
    while true {
      let step = evictor.step(
        &search, &recency, &proofs, residency, regions: ledger.usage.regions,
        isLoading: loads.windows > 0)
      switch step {
      case .victim(let slot): return slot
      case .prove(let slots): search.unused = prove(slots, &token)
      case .none:
        if !search.hasSpared || isAhead { return nil }
        search = Evictor.Search(sparesAhead: false)
      }
    }
  }

  /// Finds out which of `slots` are in use. Called with the lock, which is given up during the barrier.
  ///
  /// - Returns: how many are unused.
  @discardableResult
  func prove(_ slots: [RegionSlot], _ token: inout LockToken) -> Int {
    let pending = proofs.mark(slots, &residency)
    passBarrier(&token)
    return proofs.judge(pending, &residency)
  }

  /// How the core makes sure that it sees each pin whose reader has not seen its marks.
  enum Barrier {
    /// By membarrier(2), and readers need none.
    case system
    /// That was refused just now, by a sandbox that the program has put on since: readers are told to fence for themselves, but one that
    /// has not heard of it may be about to pin.
    case ending
    /// By fences, readers pass one, too.
    case fences
  }

  /// Passes a barrier after marks. Called with the lock, which is given up meanwhile.
  private func passBarrier(_ token: inout LockToken) {
    if barrier == .system && !token.unlocked({ Turn.barrier() }) && barrier == .system {
      barrier = .ending
      publishReporting()
    }
    if barrier == .ending {
      // A store that a reader made without a fence shows by then; if not to another processor, to who took its place there.
      token.unlocked { Turn.grace() }
      barrier = .fences
    }
    if barrier == .fences { atomicMemoryFence(ordering: .sequentiallyConsistent) }
  }

  /// Takes a mark back: the region is in use, or wanted again.
  func unmark(_ slot: RegionSlot) {
    if !proofs.isMarked(slot) { return }
    residency.unmark(slot)
    proofs.end(slot)
  }

  /// Claims an unused region for unloading; one that was emptied ahead has left with this.
  func leave(_ slot: RegionSlot, evicted: Bool, _ chores: inout Chores) {
    let holdsPages = residency.depart(slot)
    noteTablesLeft(by: slot)
    adviseLeaving(slot, &chores)
    proofs.end(slot)
    forget(slot, evicted: evicted)
    releaseSpan(of: slot, &chores)
    counters.evictions += 1
    if holdsPages {
      chores.unloads.append(slot)
    } else {
      finishUnload(slot, &chores)
    }
  }

  /// Unloads those of `slots` that nobody uses. Called with the lock, which may be given up in between.
  ///
  /// - Returns: how many.
  func unloadUnused(_ slots: [RegionSlot], _ chores: inout Chores, _ token: inout LockToken) -> Int
  {
    if slots.isEmpty { return 0 }
    prove(slots, &token)
    var count = 0
    for slot in slots where residency.isHeld(slot) && proofs.isUnused(slot) {
      leave(slot, evicted: false, &chores)
      count += 1
    }
    return count
  }

  /// Notes whose use may have ended, because a lease on them did, while a budget is overshot.
  func suspect(_ windows: Range<Int>, of edition: Edition) {
    if !evictor.isWatching { return }
    if windows.count >= PinSlot.isWide {
      // While such a lease moved, its slot may have been taken for one on others than the old or the new.
      evictor.suspectAll()
      return
    }
    for window in windows.clamped(to: 0..<edition.windowCount) {
      let word = unsafe edition.windows.word(window)
      if word.state == .resident || word.state == .candidate { evictor.suspect([word.slot]) }
    }
  }

  /// Unloads what turned out to be unused while the budget is overshot. Called with the lock, which may be given up in
  /// between.
  func endOvershoot(_ chores: inout Chores, _ token: inout LockToken) {
    if !isOvershooting { return }
    drainLogs()
    try? makeRoom(for: .none, &chores, &token)
    perform(&chores, &token)
  }

  /// What a cursor does after it let go of a lease while the budget was overshot.
  func leaseEnded(on windows: Range<Int>, of edition: Edition) {
    if isForked { return }
    var token = lock()
    var chores = Chores()
    suspect(windows, of: edition)
    drainLogs()
    try? makeRoom(for: .none, &chores, &token)
    perform(&chores, &token)
  }
}
