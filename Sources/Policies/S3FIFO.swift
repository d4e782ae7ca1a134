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
  /// S and M, the next to leave first; behind them those of each that were found pinned.
  private static let small = 0, main = 1, smallAside = 2, mainAside = 3
  /// Where a reference count stops.
  private static let limit = 3

  private struct Entry {
    var key: RegionKey
    var isMain: Bool
  }

  private var lists = SlotLists(listCount: 4)
  private var entries = SlotTable(
    empty: Entry(key: RegionKey(file: 0, window: 0), isMain: false))
  private var ghosts = Ghosts()
  /// What was asked for last, until it is loaded, and whether it was a ghost.
  private var wanted: (key: RegionKey, isGhost: Bool)?
  private var smallCount = 0
  private var mainCount = 0
  private var smallShare = 0
  private var mainShare = 0
  private var ghostLimit = 0
  private var capacity = 0
  /// The queue that the present eviction takes from: once S was chosen, what it passes on to M does not change that.
  private var source: Int?
  /// Until then there was room, and new regions that S has no share for may enter M.
  private var hasEvicted = false
  private var hasAside = false

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
    if let wanted, wanted.isGhost { remember(wanted.key) }
    wanted = (key, ghosts.remove(key) != nil)
  }

  /// Queues a region in S, or in M if it was remembered. O(1) amortized.
  public mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) {
    readmit()
    let isGhost: Bool
    if let wanted, wanted.key == region.key {
      isGhost = wanted.isGhost
      self.wanted = nil
    } else {
      isGhost = ghosts.remove(region.key) != nil
    }
    let overflows = !hasEvicted && smallCount >= smallShare
    admit(slot, region.key, isMain: isGhost || overflows)
  }

  /// The first region at the end of its queue that was not used enough to stay; those before it move as told above.
  ///
  /// - Complexity: O(1) amortized over hits, each of which lets a region pass once; O(n) in the worst case, also if readers
  ///   set marks meanwhile.
  public mutating func victim(_ references: ReferenceTable) -> RegionSlot? {
    if isDone { readmit() }
    if isDone { return nil }
    // In one thread this many suffice to move all of S and to clear every mark.
    var steps = (Self.limit + 1) * (smallCount + mainCount)
    while true {
      let queue = chosen
      source = queue
      guard let slot = lists.first(of: queue) else { return nil }
      let uses = references.count(of: slot)
      if steps == 0 || uses < Self.leastToStay(in: queue) { return slot }
      if queue == Self.small {
        entries[slot].isMain = true
        smallCount -= 1
        mainCount += 1
        references.setCount(of: slot, to: 0)
      } else {
        references.setCount(of: slot, to: min(uses, Self.limit) - 1)
      }
      lists.moveToEnd(slot, of: Self.main)
      steps -= 1
    }
  }

  /// Sets the victim aside until the next miss; then it is the last of its queue. O(1).
  public mutating func pinned(_ slot: RegionSlot) {
    hasAside = true
    lists.moveToEnd(slot, of: entries[slot].isMain ? Self.mainAside : Self.smallAside)
  }

  /// Forgets a region, but remembers the key of one evicted from S. O(1) amortized.
  public mutating func remove(_ slot: RegionSlot, evicted: Bool) {
    lists.remove(slot)
    let isMain = entries[slot].isMain
    if isMain { mainCount -= 1 } else { smallCount -= 1 }
    guard evicted else { return }
    source = nil
    hasEvicted = true
    if !isMain { remember(entries[slot].key) }
  }

  /// The regions that were not used enough to stay, in the order in which they come to the end of their queues.
  ///
  /// - Complexity: O(`count`): it looks at eight regions for each one asked for and then gives up.
  public func upcoming(
    _ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot]
  ) {
    if isDone { return }
    var missing = min(count, smallCount + mainCount)
    var steps = 8 * missing
    var order = [Self.small, Self.main]
    if chosen == Self.main {
      // Only as many as M must give at once; if they can't be told, nor can what comes then.
      let share = min(max(mainCount - mainShare, 1), missing)
      let before = slots.count
      var current = lists.first(of: Self.main)
      while slots.count - before < share, steps > 0, let slot = current {
        if references.count(of: slot) == 0 { slots.append(slot) }
        steps -= 1
        current = lists.next(after: slot)
      }
      if slots.count == before { return }
      missing -= slots.count - before
      order.removeLast()
    }
    for queue in order {
      var current = lists.first(of: queue)
      while missing > 0, steps > 0, let slot = current {
        if references.count(of: slot) < Self.leastToStay(in: queue) {
          slots.append(slot)
          missing -= 1
        }
        steps -= 1
        current = lists.next(after: slot)
      }
    }
  }

  /// All regions in the order in which they come to the end of their queues, whatever their marks. O(n).
  public func evictionOrder() -> [RegionSlot] {
    var copy = self
    copy.readmit()
    let main = copy.lists.slots(of: Self.main)
    let surplus = max(mainCount - mainShare, 0)
    return Array(main.prefix(surplus)) + copy.lists.slots(of: Self.small)
      + Array(main.dropFirst(surplus))
  }

  /// Takes the first to go as S, a tenth and what M has no share for, and the others as M. O(n).
  public mutating func adopt(_ regions: [(slot: RegionSlot, info: RegionInfo)]) {
    let small = max(regions.count / 10, regions.count - mainShare)
    for (index, region) in regions.enumerated() {
      ghosts.remove(region.info.key)
      admit(region.slot, region.info.key, isMain: index >= small)
    }
  }

  /// Checks queues, counts and ghosts. O(n).
  public func _checkInvariants() {
    lists.checkInvariants()
    ghosts.checkInvariants()
    let small = lists.slots(of: Self.small) + lists.slots(of: Self.smallAside)
    let main = lists.slots(of: Self.main) + lists.slots(of: Self.mainAside)
    precondition(small.count == smallCount && main.count == mainCount, "a count is wrong")
    precondition(!small.contains { entries[$0].isMain }, "a region of M is in S")
    precondition(main.allSatisfy { entries[$0].isMain }, "a region of S is in M")
    precondition(ghosts.count(of: 0) <= ghostLimit, "too many ghosts")
    for slot in small + main {
      precondition(ghosts.queue(of: entries[slot].key) == nil, "a loaded region has a ghost")
    }
    let aside = !lists.isEmpty(Self.smallAside) || !lists.isEmpty(Self.mainAside)
    precondition(hasAside || !aside, "a region is aside for good")
  }

  private static func leastToStay(in queue: Int) -> Int { queue == small ? 2 : 1 }

  /// Whether there is no candidate.
  private var isDone: Bool { lists.isEmpty(Self.small) && lists.isEmpty(Self.main) }

  /// The queue to take from, which has a candidate if there is one.
  private var chosen: Int {
    let isMain = source.map { $0 == Self.main } ?? (mainCount > mainShare)
    let queue = isMain ? Self.main : Self.small
    return lists.isEmpty(queue) ? Self.main - queue : queue
  }

  private mutating func admit(_ slot: RegionSlot, _ key: RegionKey, isMain: Bool) {
    lists.append(slot, to: isMain ? Self.main : Self.small)
    entries.set(slot, to: Entry(key: key, isMain: isMain))
    if isMain { mainCount += 1 } else { smallCount += 1 }
  }

  private mutating func remember(_ key: RegionKey) {
    ghosts.append(key)
    ghosts.trim(to: ghostLimit)
  }

  private mutating func readmit() {
    source = nil
    guard hasAside else { return }
    hasAside = false
    lists.moveAll(from: Self.smallAside, toEndOf: Self.small)
    lists.moveAll(from: Self.mainAside, toEndOf: Self.main)
  }
}

extension EvictionPolicy where Self == S3FIFO {
  /// Unloads what was used once quickly, and of the rest the first not used lately.
  public static var s3fifo: S3FIFO { S3FIFO() }
}
