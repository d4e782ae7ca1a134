public import MapProtocols

/// Unloads what was used once quickly, and of the rest the first that was not used lately: resists scans at the cost of a
/// mark on a hit.
///
/// Three queues. A new region enters the small one, S, for a tenth of the capacity. At its end one used at least twice
/// since it was loaded moves to the main queue, M; others leave, and their keys are remembered in the ghost queue, as many
/// as nine tenths of the capacity. What is asked for again while it is remembered enters M. At the end of M a region used
/// since goes round again, with one use less of at most three. M gives the victim if it has more than its share or S is
/// empty. After Yang, Zhang, Qiu, Yue and Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023. Weak where
/// fewer than about 500 regions fit.
///
/// Shares are counted in regions, whatever their size: where regions are smaller than the manager's window, more are held
/// than the capacity tells, S has the surplus. A pinned victim goes to the beginning of its queue when the next miss comes,
/// and is not named again before.
public struct S3FIFO: EvictionPolicy {
  private enum Part { case small, main }

  /// Where a reference count stops.
  private static let limit = 3
  /// Uses that move a region from S to M.
  private static let leastToLeaveSmall = 2

  /// S and M, the next to leave first.
  private var small = SlotQueue()
  private var main = SlotQueue()
  /// Those of each that were found pinned.
  private var smallAside = SlotQueue()
  private var mainAside = SlotQueue()
  /// The `ghostName` of each region's key.
  private var names = SlotTable(empty: UInt64(0))
  private var ghosts = Ghosts()
  /// What was asked for last, until it is loaded, and whether it was a ghost.
  private var wanted: (key: RegionKey, name: UInt64, isGhost: Bool)?
  private var smallShare = 0
  private var mainShare = 0
  private var ghostLimit = 0
  private var capacity = 0
  /// The queue that the present eviction takes from: once S was chosen, what it passes on to M does not change that.
  private var source: Part?
  /// Until then there was room, and new regions that S has no share for may enter M.
  private var hasEvicted = false

  /// A policy that holds nothing yet. O(1).
  public init() { setCapacity(PolicyCapacity(regions: .max)) }

  /// "s3fifo". O(1).
  public var name: String { "s3fifo" }

  /// As a count that stops at 3. O(1).
  public var hits: HitReporting { .counted(upTo: Self.limit) }

  /// Divides the capacity: a tenth for S, the rest for M, nine tenths remembered. O(k) for k regions forgotten.
  public mutating func setCapacity(_ capacity: PolicyCapacity) {
    // Room that was never filled before is filled as in the beginning.
    if capacity.regions > self.capacity { hasEvicted = false }
    self.capacity = capacity.regions
    smallShare = capacity.regions / 10
    mainShare = capacity.regions - smallShare
    ghostLimit = capacity.regions - smallShare - (capacity.regions % 10 == 0 ? 0 : 1)
    ghosts.trim(to: ghostLimit)
    source = nil
  }

  /// Looks whether the region is remembered. O(1) amortized.
  public mutating func miss(_ key: RegionKey) {
    readmit()
    // What was asked for and did not come is as much a ghost as before.
    if let wanted, wanted.isGhost { remember(wanted.name) }
    let name = key.ghostName
    wanted = (key, name, ghosts.remove(name) != nil)
  }

  /// Queues a region in S, or in M if it was remembered. O(1) amortized.
  public mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) {
    readmit()
    let overflows = !hasEvicted && smallCount >= smallShare
    if let wanted, wanted.key == region.key {
      self.wanted = nil
      admit(slot, wanted.name, isMain: wanted.isGhost || overflows)
    } else {
      let name = region.key.ghostName
      admit(slot, name, isMain: ghosts.remove(name) != nil || overflows)
    }
  }

  /// The first region at the end of its queue that was not used enough to stay; those before it move as told above.
  ///
  /// - Complexity: O(1) amortized over hits, each of which lets a region pass once; O(n) in the worst case, also if readers
  ///   set marks meanwhile.
  public mutating func victim(_ references: ReferenceTable) -> RegionSlot? {
    if isDone { readmit() }
    if isDone { return nil }
    // In one thread this many suffice to move all of S and to clear every mark.
    var steps = (Self.limit + 1) * (small.count + main.count)
    while chosen == .small {
      source = .small
      guard let slot = small.first else { return nil }
      if steps == 0 || references.count(of: slot) < Self.leastToLeaveSmall { return slot }
      small.remove(slot)
      main.append(slot)
      references.setCount(of: slot, to: 0)
      steps -= 1
    }
    source = .main
    return main.rotate { slot in
      let uses = references.count(of: slot)
      if uses == 0 || steps == 0 { return true }
      references.setCount(of: slot, to: min(uses, Self.limit) - 1)
      steps -= 1
      return false
    }
  }

  /// Sets the victim aside until the next miss; then it is the last of its queue. O(1).
  public mutating func pinned(_ slot: RegionSlot) {
    if small.removeIfThere(slot) {
      smallAside.append(slot)
    } else if main.removeIfThere(slot) {
      mainAside.append(slot)
    }
  }

  /// Forgets a region, but remembers the key of one evicted from S. O(1) amortized.
  public mutating func remove(_ slot: RegionSlot, evicted: Bool) {
    // Where a victim comes from is known; each look elsewhere is a cache miss.
    var isSmall = false
    if source != .main || !main.removeIfThere(slot) {
      isSmall = small.removeIfThere(slot) || smallAside.removeIfThere(slot)
      if !isSmall, !main.removeIfThere(slot) { mainAside.remove(slot) }
    }
    guard evicted else { return }
    source = nil
    hasEvicted = true
    if isSmall { remember(names[slot]) }
  }

  /// The regions that were not used enough to stay, in the order in which they come to the end of their queues.
  ///
  /// - Complexity: O(`count`): it looks at eight regions for each one asked for and then gives up.
  public func upcoming(
    _ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot]
  ) {
    if isDone { return }
    let count = min(count, smallCount + mainCount)
    let before = slots.count
    var steps = 8 * count
    func announce(_ count: Int, of queue: SlotQueue, below least: Int) {
      let end = slots.count + count
      for slot in queue.slots {
        if slots.count == end || steps == 0 { return }
        if references.count(of: slot) < least { slots.append(slot) }
        steps -= 1
      }
    }
    if chosen == .main {
      // Only as many as M must give at once; if they can't be told, nor can what comes then.
      announce(min(max(mainCount - mainShare, 1), count), of: main, below: 1)
      if slots.count == before { return }
    }
    announce(count - (slots.count - before), of: small, below: Self.leastToLeaveSmall)
    if chosen == .small { announce(count - (slots.count - before), of: main, below: 1) }
  }

  /// All regions in the order in which they come to the end of their queues, whatever their marks. O(n).
  public func evictionOrder() -> [RegionSlot] {
    var copy = self
    copy.readmit()
    let main = Array(copy.main.slots)
    let surplus = max(mainCount - mainShare, 0)
    return Array(main.prefix(surplus)) + Array(copy.small.slots) + Array(main.dropFirst(surplus))
  }

  /// Takes the first to go as S, a tenth and what M has no share for, and the others as M. O(n).
  public mutating func adopt(_ regions: [(slot: RegionSlot, info: RegionInfo)]) {
    let small = max(regions.count / 10, regions.count - mainShare)
    for (index, region) in regions.enumerated() {
      let name = region.info.key.ghostName
      ghosts.remove(name)
      admit(region.slot, name, isMain: index >= small)
    }
  }

  /// Checks queues, counts and ghosts. O(n).
  public func _checkInvariants() {
    for queue in [small, main, smallAside, mainAside] { queue.checkInvariants() }
    ghosts.checkInvariants()
    let slots = [small, main, smallAside, mainAside].flatMap { Array($0.slots) }
    precondition(Set(slots).count == slots.count, "a region is in two queues")
    precondition(ghosts.count(of: 0) <= ghostLimit, "too many ghosts")
    for slot in slots {
      precondition(ghosts.queue(of: names[slot]) == nil, "a loaded region has a ghost")
    }
  }

  private var smallCount: Int { small.count + smallAside.count }
  private var mainCount: Int { main.count + mainAside.count }

  /// Whether there is no candidate.
  private var isDone: Bool { small.isEmpty && main.isEmpty }

  /// The queue to take from, which has a candidate if there is one.
  private var chosen: Part {
    switch source ?? (mainCount > mainShare ? .main : .small) {
    case .main: main.isEmpty ? .small : .main
    case .small: small.isEmpty ? .main : .small
    }
  }

  private mutating func admit(_ slot: RegionSlot, _ name: UInt64, isMain: Bool) {
    if isMain { main.append(slot) } else { small.append(slot) }
    names.set(slot, to: name)
  }

  private mutating func remember(_ name: UInt64) {
    ghosts.append(name)
    ghosts.trim(to: ghostLimit)
  }

  private mutating func readmit() {
    source = nil
    if !smallAside.isEmpty { small.appendAll(of: &smallAside) }
    if !mainAside.isEmpty { main.appendAll(of: &mainAside) }
  }
}

extension EvictionPolicy where Self == S3FIFO {
  /// Unloads what was used once quickly, and of the rest the first not used lately.
  public static var s3fifo: S3FIFO { S3FIFO() }
}
