import MapProtocols
import Synchronization

extension MapCore {
  /// What a window of `byteCount` bytes takes of the budget.
  func demand(for file: FileEntry, byteCount: Int) -> Ledger.Demand {
    Ledger.Demand(
      bytes: byteCount, regions: 1,
      isHard: ledger.limits.isHard || file.backend.properties.isAnonymous)
  }

  /// Chooses victims until a demand fits the budget. Called with the lock, which may be given up in between; a hard demand
  /// waits for loads under way, unless it is for one of these.
  ///
  /// - Throws: `.budgetExhausted` where the demand is hard and everything left is pinned. Otherwise the budget is overshot.
  func makeRoom(for demand: Ledger.Demand, _ chores: inout Chores) throws(MapError) {
    if demand.isHard && demand.bytes > ledger.limits.bytes { throw MapError(.budgetExhausted) }
    if !demand.isNone && !fits(demand) { noteFull() }
    while !fits(demand) {
      if chores.isOvershot && isOvershooting && !demand.isNone && !demand.isHard && !isShutDown {
        counters.overshoots += demand.regions
        return
      }
      if isShutDown && !demand.isNone { throw MapError(.shutDown) }
      let ended = loads.windowsEnded
      if let victim = nextVictim() {
        leave(victim, evicted: true, &chores)
      } else if fits(demand) {
        // Others unloaded while the lock was given up.
        break
      } else if demand.isHard {
        // What was prefetched is in use only until it is there, which it may have come to be during the search.
        if loads.windowsEnded != ended { continue }
        if loads.windows == 0 || chores.isAsynchronous { throw MapError(.budgetExhausted) }
        if let error = perform(&chores) { throw error }
        if loads.windows > 0 && !fits(demand) {
          handleWaiters += 1
          monitor.wait()
          handleWaiters -= 1
        }
      } else if !isOvershooting {
        // Raised before one more scan: whoever lets go after that scan sees the flag and comes here.
        isOvershooting = true
      } else {
        counters.overshoots += demand.regions
        chores.isOvershot = !demand.isNone
        // A load that nobody waits for ends without a lease.
        if loads.windows == 0 && suspects == nil { suspects = [] }
        return
      }
    }
    if isOvershooting && !isShutDown { isOvershooting = false }
  }

  /// Whether a demand fits beside what is there.
  func fits(_ demand: Ledger.Demand) -> Bool {
    isShutDown ? ledger.usage.regions == 0 : ledger.fits(demand)
  }

  /// The region that the policy lets go, proved unused, or nil if all are in use. Called with the lock, which may be given
  /// up in between.
  func nextVictim() -> RegionSlot? {
    while let slots = suspects, loads.windows == 0 {
      if slots.isEmpty { return nil }
      suspects = []
      checkPins(of: slots)
      let held = slots.filter { regions.isHeld($0) }
      let unused = Set(held.filter { regions[$0].check == .unused })
      // Marks were taken back meanwhile, which who only starts loads does without a lease.
      suspects? += held.filter { !unused.contains($0) && regions[$0].pinnedInScan != scans }
      // Of several the policy chooses.
      if unused.count > 1 { break }
      if let victim = unused.first { return victim }
    }
    suspects = nil
    // A number of its own: several threads may choose victims in turns, between the same scans.
    rounds += 1
    let (round, scansBefore) = (rounds, scans)
    var pinned = 0
    var repeats = 0
    while let candidate = policy.victim(references) {
      checkNamed(candidate)
      if regions[candidate].check == .unused { return candidate }
      if regions[candidate].pinnedInScan > scansBefore || isStillHeld(candidate, round) {
        // A policy may name a pinned region more than once before it comes to another; all are pinned when as many
        // different ones were found so as there are.
        if regions[candidate].rejectedInRound != round {
          regions[candidate].rejectedInRound = round
          pinned += 1
          repeats = 0
        }
        repeats += 1
        checkRepeats(repeats)
        policy.pinned(candidate)
        if pinned >= ledger.usage.regions { return provenVictim() }
        continue
      }
      batch.removeAll(keepingCapacity: true)
      batch.append(candidate)
      batchEmptied = 0
      policy.upcoming(min(ledger.usage.regions / 8, batchSize), references, into: &batch)
      checkBatch(after: candidate)
      let named = batch.count
      batch.removeAll { isStillHeld($0, round) }
      let unused = checkPins(of: batch)
      let isMostlyPinned = unused < named / 2
      batchSize = min(
        max(isMostlyPinned ? batchSize * 2 : batchSize / 2, Self.smallBatch), Self.largeBatch)
    }
    checkNamesNone()
    return nil
  }

  /// Whether the lease that a scan found on a region is in its slot still, or was when this round last looked: then the
  /// region is known as pinned without mark, barrier or scan. O(1).
  private func isStillHeld(_ slot: RegionSlot, _ round: Int) -> Bool {
    guard let holder = unsafe regions[slot].holder else { return false }
    if regions[slot].heldInRound == round { return true }
    if unsafe holder.pointee.lease.load(ordering: .acquiring) != regions[slot].holderLease {
      unsafe regions[slot].holder = nil
      return false
    }
    regions[slot].heldInRound = round
    return true
  }

  /// A victim even where a round found each region in use once: pins move from region to region during a round, so that
  /// more of them may be seen than there ever were at a time. Looks at all regions in one scan, and again as long as
  /// others use regions meanwhile. Called with the lock, which is given up in between.
  private func provenVictim() -> RegionSlot? {
    while true {
      let order = evictionOrder()
      checkPins(of: order)
      var pinned = 0
      for slot in order where regions.isHeld(slot) {
        if regions[slot].check == .unused { return slot }
        if regions[slot].pinnedInScan == scans { pinned += 1 }
      }
      if pinned >= ledger.usage.regions { return nil }
    }
  }

  /// Finds out which of `slots` are in use: marks them as candidates, makes all threads pass a barrier, looks at the pins
  /// of their files. Called with the lock, which is given up during the barrier.
  ///
  /// The unused ones stay marked and known as unused until someone takes the mark back, so that the next victims among
  /// them need neither barrier nor scan.
  ///
  /// - Returns: how many are unused.
  @discardableResult
  func checkPins(of slots: [RegionSlot]) -> Int {
    for slot in slots where regions[slot].check == .none {
      guard let file = regions[slot].file else { continue }
      let window = regions[slot].window
      guard unsafe file.windows.word(window).state == .resident else { continue }
      unsafe file.windows.exchange(window, WindowWord(.candidate, slot))
      marks += 1
      regions[slot].check = .marked(marks)
    }
    let newest = marks
    monitor.unlock()
    // A sandbox that the program put on since may forbid it: then nobody can tell what is pinned, and all is taken to be.
    let isOrdered = !fenceless || Turn.barrier()
    if !fenceless { atomicMemoryFence(ordering: .sequentiallyConsistent) }
    monitor.lock()
    scans += 1
    counters.scans += 1
    let scan = scans
    var files: [FileEntry] = []
    for slot in slots {
      guard let file = regions[slot].file else { continue }
      let window = regions[slot].window
      if file.scan != scan {
        file.scan = scan
        file.scanned = window...window
        files.append(file)
      } else if !file.scanned.contains(window) {
        let (low, high) = (file.scanned.lowerBound, file.scanned.upperBound)
        file.scanned = min(low, window)...max(high, window)
      }
    }
    for file in files { lookAtPins(of: file, scan, slots) }
    var unused = 0
    for slot in slots {
      guard let file = regions[slot].file, regions.isHeld(slot) else { continue }
      let window = regions[slot].window
      let word = unsafe file.windows.word(window)
      switch regions[slot].check {
      case .marked(let mark) where mark <= newest:
        if !isOrdered { regions[slot].pinnedInScan = scan }
        if regions[slot].pinnedInScan == scan && !Turn.isPlanted("unseen pin") {
          unmark(slot)
        } else {
          regions[slot].check = .unused
          unused += 1
        }
      case .none where word.state == .loading:
        // Its loader has it pinned.
        regions[slot].pinnedInScan = scan
      default: break
      }
    }
    return unused
  }

  /// Notes which of `slots` that belong to `file` some lease covers. O(cursors of the file).
  private func lookAtPins(of file: FileEntry, _ scan: Int, _ slots: [RegionSlot]) {
    let (low, high) = (file.scanned.lowerBound, file.scanned.upperBound)
    let (first, last) = (file.grid.start(of: low), file.grid.start(of: high))
    // Most leases lie outside the batch, and are passed over by comparing offsets.
    unsafe file.pins.forEachLease(from: first, through: last) { pin in
      let held = unsafe pin.pointee.lease.load(ordering: .acquiring)
      func found(_ slot: RegionSlot) {
        regions[slot].pinnedInScan = scan
        // Of a wide lease the slot does not tell all.
        unsafe regions[slot].holder = held & PinSlot.countMask == PinSlot.isWide ? nil : pin
        regions[slot].holderLease = held
      }
      let windows = unsafe pin.pointee.windows(file.grid, held)
      if windows.count == 1 {
        let word = unsafe file.windows.word(windows.lowerBound)
        if word.state == .candidate { found(word.slot) }
        return
      }
      // Half of an old and half of a new lease may reach past the table; the batch does not.
      let lease = windows.clamped(to: low..<high + 1)
      if lease.count > slots.count {
        for slot in slots where regions[slot].file === file && lease.contains(regions[slot].window)
        {
          found(slot)
        }
        return
      }
      for window in lease {
        let word = unsafe file.windows.word(window)
        if word.state == .candidate { found(word.slot) }
      }
    }
  }

  /// How many regions are checked for pins at once. A barrier and a scan of thousands of cursors cost tens of
  /// microseconds; a hit on a region that is marked costs the lock once. Where most are pinned a batch yields little, so it
  /// grows.
  private static let smallBatch = 63
  private static let largeBatch = 1023

  /// Takes a mark back: the region is in use, or wanted again.
  func unmark(_ slot: RegionSlot) {
    guard let file = regions[slot].file, regions[slot].check != .none else { return }
    unsafe file.windows.exchange(regions[slot].window, WindowWord(.resident, slot))
    regions[slot].check = .none
    if !Turn.isPlanted("emptied window") { regions[slot].content = .present }
  }

  /// Claims an unused region for unloading; one that was emptied ahead has left with this.
  func leave(_ slot: RegionSlot, evicted: Bool, _ chores: inout Chores) {
    guard let file = regions[slot].file else { return }
    unsafe Canary(file.windows, regions[slot].window).set(isLoaded: false)
    unsafe file.windows.exchange(regions[slot].window, WindowWord(.leaving, slot))
    forget(slot, evicted: evicted)
    counters.evictions += 1
    if regions[slot].content == .gone {
      finishUnload(slot, &chores)
    } else {
      chores.unloads.append(slot)
    }
  }

  /// Unloads those of `slots` that nobody uses. Called with the lock, which may be given up in between.
  ///
  /// - Returns: how many.
  func unloadUnused(_ slots: [RegionSlot], _ chores: inout Chores) -> Int {
    if slots.isEmpty { return 0 }
    checkPins(of: slots)
    var count = 0
    for slot in slots where regions.isHeld(slot) && regions[slot].check == .unused {
      leave(slot, evicted: false, &chores)
      count += 1
    }
    return count
  }

  /// Notes whose use may have ended, because a lease on them did, while a budget is overshot.
  func suspect(_ windows: Range<Int>, of file: FileEntry) {
    if suspects == nil { return }
    if windows.count >= PinSlot.isWide {
      // While such a lease moved, its slot may have been taken for one on others than the old or the new.
      suspects = nil
      return
    }
    for window in windows.clamped(to: 0..<file.windowCount) {
      let word = unsafe file.windows.word(window)
      if word.state == .resident || word.state == .candidate { suspects?.append(word.slot) }
    }
  }

  /// Unloads what turned out to be unused while the budget is overshot. Called with the lock, which may be given up in
  /// between.
  func endOvershoot(_ chores: inout Chores) {
    if !isOvershooting { return }
    drainLogs()
    try? makeRoom(for: .none, &chores)
    perform(&chores)
  }

  /// What a cursor does after it let go of a lease while the budget was overshot.
  func settle(_ file: FileEntry, after windows: Range<Int>) {
    if isForked { return }
    monitor.lock()
    var chores = Chores()
    suspect(windows, of: file)
    drainLogs()
    try? makeRoom(for: .none, &chores)
    perform(&chores)
    monitor.unlock()
  }
}
