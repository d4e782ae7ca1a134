public import MapProtocols

/// Unloads regions soon that were asked for once, and the least recently used of the others late: `LRU` that a scan can't
/// empty.
///
/// A new region waits in a queue for a quarter of the capacity, where uses don't count: they are most often the same work.
/// One that leaves it is remembered, half a capacity of them; whatever is asked for again while it is remembered joins the
/// main list, which is in order of use. The queue gives the victim while it has more than its share, else the main list.
/// After Johnson and Shasha, "2Q: A Low Overhead High Performance Buffer Management Replacement Algorithm", VLDB 1994
/// (the full version).
///
/// Shares are counted in regions, whatever their size: where regions are smaller than the manager's window, more are held
/// than the capacity tells, and the main list has them. A pinned victim goes to the end of its list when the next miss
/// comes, and is not named again before.
public struct TwoQ: EvictionPolicy {
  /// New regions and the main list, the first to go first; behind them those of each that were found pinned.
  private static let new = 0, main = 1, newAside = 2, mainAside = 3

  private struct Entry {
    /// Its key's `ghostName`.
    var name: UInt64
    var isNew: Bool
  }

  private var lists = SlotLists(listCount: 4)
  private var entries = SlotTable(empty: Entry(name: 0, isNew: false))
  private var ghosts = GhostMemory()
  private var newCount = 0
  private var hasAside = false
  private var newShare = 0

  /// A policy that holds nothing yet. O(1).
  public init() { setCapacity(PolicyCapacity(regions: .max)) }

  /// "twoq". O(1).
  public var name: String { "twoq" }

  /// Every hit, in order. O(1).
  public var hits: HitReporting { .ordered }

  /// Divides the capacity: a quarter for new regions, a half for what is remembered. O(k) for k regions forgotten.
  public mutating func setCapacity(_ capacity: PolicyCapacity) {
    newShare = capacity.regions / 4
    ghosts.setLimit(capacity.regions / 2)
  }

  /// Looks whether the region is remembered. O(1) amortized.
  public mutating func miss(_ key: RegionKey) {
    readmit()
    ghosts.miss(key)
  }

  /// Queues a region as new, or as used last if it was remembered. O(1) amortized.
  public mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) {
    readmit()
    let (name, isGhost) = ghosts.take(region.key)
    admit(slot, name, isNew: !isGhost)
  }

  /// Notes uses; those of new regions change nothing. O(k) for k uses.
  public mutating func hit(_ slots: Span<RegionSlot>) {
    readmit()
    for index in slots.indices where !entries[slots[index]].isNew {
      lists.moveToEnd(slots[index], of: Self.main)
    }
  }

  /// The oldest of the new regions if they have more than their share, else the least recently used other. O(1).
  public mutating func victim(_ references: ReferenceTable) -> RegionSlot? {
    if let slot = candidate { return slot }
    readmit()
    return candidate
  }

  /// Sets the victim aside until the next miss; then it is the last of its list. O(1).
  public mutating func pinned(_ slot: RegionSlot) {
    hasAside = true
    lists.moveToEnd(slot, of: entries[slot].isNew ? Self.newAside : Self.mainAside)
  }

  /// Forgets a region, but remembers the key of a new one that was evicted. O(1) amortized.
  public mutating func remove(_ slot: RegionSlot, evicted: Bool) {
    lists.remove(slot)
    guard entries[slot].isNew else { return }
    newCount -= 1
    if evicted { ghosts.remember(entries[slot].name) }
  }

  /// The next victims as long as none is used and none is loaded. O(`count`).
  public func upcoming(
    _ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot]
  ) {
    let surplus = lists.isEmpty(Self.main) ? .max : max(newCount - newShare, 0)
    let end = slots.count + min(count, .max - slots.count)
    lists.copyFirst(min(surplus, count), of: Self.new, into: &slots)
    lists.copyFirst(end - slots.count, of: Self.main, into: &slots)
  }

  /// All regions, the first to go first, if none is loaded in between. O(n).
  public func evictionOrder() -> [RegionSlot] {
    var copy = self
    copy.readmit()
    let new = copy.lists.slots(of: Self.new)
    let surplus = max(newCount - newShare, 0)
    return Array(new.prefix(surplus)) + copy.lists.slots(of: Self.main)
      + Array(new.dropFirst(surplus))
  }

  /// Takes those to go last as new, within their share, and the others as the main list, so that the order stays. O(n).
  public mutating func adopt(_ regions: [(slot: RegionSlot, info: RegionInfo)]) {
    let new = min(newShare, regions.count)
    for (index, region) in regions.enumerated() {
      let (name, _) = ghosts.take(region.info.key)
      admit(region.slot, name, isNew: index >= regions.count - new)
    }
  }

  /// Checks lists, counts and ghosts. O(n).
  public func _checkInvariants() {
    lists.checkInvariants()
    ghosts.checkInvariants()
    let new = lists.slots(of: Self.new) + lists.slots(of: Self.newAside)
    let main = lists.slots(of: Self.main) + lists.slots(of: Self.mainAside)
    precondition(new.count == newCount, "the count of new regions is wrong")
    precondition(new.allSatisfy { entries[$0].isNew }, "an old region is among the new")
    precondition(!main.contains { entries[$0].isNew }, "a new region is in the main list")
    for slot in new + main {
      precondition(!ghosts.contains(entries[slot].name), "a loaded region has a ghost")
    }
    let aside = !lists.isEmpty(Self.newAside) || !lists.isEmpty(Self.mainAside)
    precondition(hasAside || !aside, "a region is aside for good")
  }

  private var candidate: RegionSlot? {
    let main = lists.first(of: Self.main)
    if newCount <= newShare, let main { return main }
    return lists.first(of: Self.new) ?? main
  }

  private mutating func admit(_ slot: RegionSlot, _ name: UInt64, isNew: Bool) {
    lists.append(slot, to: isNew ? Self.new : Self.main)
    entries.set(slot, to: Entry(name: name, isNew: isNew))
    if isNew { newCount += 1 }
  }

  private mutating func readmit() {
    guard hasAside else { return }
    hasAside = false
    lists.moveAll(from: Self.newAside, toEndOf: Self.new)
    lists.moveAll(from: Self.mainAside, toEndOf: Self.main)
  }
}

extension EvictionPolicy where Self == TwoQ {
  /// Unloads what was asked for once soon, and the least recently used of the rest late.
  public static var twoQ: TwoQ { TwoQ() }
}
