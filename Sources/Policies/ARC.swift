public import MapProtocols

/// Unloads the least recently used of the regions used once or of those used more often, and learns from its mistakes
/// which: `LRU` that resists scans and needs no tuning.
///
/// Two lists in order of use: T1 has the regions used once since they were loaded, T2 the others. What left each is
/// remembered, B1 and B2; with their lists they name at most the capacity (T1 and B1) and twice the capacity (all). Each
/// region asked for again out of B1 tells that T1 was too small, each out of B2 that T2 was, and moves the size p that T1
/// aims at. After Megiddo and Modha, "ARC: A Self-Tuning, Low Overhead Replacement Cache", FAST 2003, with a real p.
///
/// Sizes are counted in regions, whatever their bytes: where regions are smaller than the manager's window, more are held
/// than the capacity tells, and so many fewer are remembered. A pinned victim counts as used again: it goes to T2, as the
/// most recently used when the next miss or hit comes, and is not named before.
public struct ARC: EvictionPolicy {
  /// T1, T2, and those of T2 that were found pinned, which come behind it.
  private static let once = 0, often = 1, aside = 2

  private struct Entry {
    /// Its key's `ghostName`.
    var name: UInt64
    var isOften: Bool
  }

  private var lists = SlotLists(listCount: 3)
  private var entries = SlotTable(empty: Entry(name: 0, isOften: false))
  /// B1 and B2.
  private var ghosts = Ghosts()
  private var onceCount = 0
  private var oftenCount = 0
  /// p: how many regions T1 aims at, 0...`capacity`.
  private var target = 0.0
  private var capacity = Int.max
  /// Whether the region asked for last is in B2 and not loaded yet.
  private var isWantedOften = false

  /// A policy that holds nothing yet. O(1).
  public init() {}

  /// "arc". O(1).
  public var name: String { "arc" }

  /// Every hit, in order. O(1).
  public var hits: HitReporting { .ordered }

  /// Sets c. O(k) for k regions that are forgotten.
  public mutating func setCapacity(_ capacity: PolicyCapacity) {
    self.capacity = capacity.regions
    target = min(target, Double(self.capacity))
    trim()
  }

  /// Moves p if the region is remembered. O(1).
  public mutating func miss(_ key: RegionKey) {
    readmit()
    let queue = ghosts.queue(of: key.ghostName)
    isWantedOften = queue == 1
    guard let queue else { return }
    let (own, other) = (Double(ghosts.count(of: queue)), Double(ghosts.count(of: 1 - queue)))
    let step = max(other / own, 1)
    target = queue == 0 ? min(target + step, Double(capacity)) : max(target - step, 0)
  }

  /// Notes a region as used once, or as used often if it was remembered. O(1) amortized.
  public mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) {
    readmit()
    isWantedOften = false
    let name = region.key.ghostName
    let isOften = ghosts.remove(name) != nil
    entries.set(slot, to: Entry(name: name, isOften: isOften))
    lists.append(slot, to: isOften ? Self.often : Self.once)
    if isOften { oftenCount += 1 } else { onceCount += 1 }
    trim()
  }

  /// Notes uses, the last as the most recent in T2. O(k) for k uses.
  public mutating func hit(_ slots: Span<RegionSlot>) {
    readmit()
    for index in slots.indices { use(slots[index], list: Self.often) }
  }

  /// The least recently used of T1 if that is larger than p, else that of T2. O(1).
  public mutating func victim(_ references: ReferenceTable) -> RegionSlot? {
    if let slot = candidate { return slot }
    readmit()
    return candidate
  }

  /// Notes a use of the victim, which waits aside until the next hit or miss. O(1).
  public mutating func pinned(_ slot: RegionSlot) { use(slot, list: Self.aside) }

  /// Forgets a region, but remembers its key if it was evicted. O(1) amortized.
  public mutating func remove(_ slot: RegionSlot, evicted: Bool) {
    lists.remove(slot)
    let entry = entries[slot]
    if entry.isOften { oftenCount -= 1 } else { onceCount -= 1 }
    guard evicted else { return }
    ghosts.append(entry.name, to: entry.isOften ? 1 : 0)
    trim()
  }

  /// The next victims as long as none is used and none is loaded. O(`count`).
  public func upcoming(
    _ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot]
  ) {
    let end = slots.count + min(count, .max - slots.count)
    lists.copyFirst(min(surplus, count), of: Self.once, into: &slots)
    lists.copyFirst(end - slots.count, of: Self.often, into: &slots)
  }

  /// All regions, the first to go first, if none is loaded in between. O(n).
  public func evictionOrder() -> [RegionSlot] {
    let once = lists.slots(of: Self.once)
    return Array(once.prefix(surplus)) + lists.slots(of: Self.often) + lists.slots(of: Self.aside)
      + Array(once.dropFirst(surplus))
  }

  /// Checks lists, counts, ghosts and p. O(n).
  public func _checkInvariants() {
    lists.checkInvariants()
    ghosts.checkInvariants()
    let once = lists.slots(of: Self.once)
    let often = lists.slots(of: Self.often) + lists.slots(of: Self.aside)
    precondition(once.count == onceCount && often.count == oftenCount, "a count is wrong")
    precondition(!once.contains { entries[$0].isOften }, "a region used often is in T1")
    precondition(often.allSatisfy { entries[$0].isOften }, "a region used once is in T2")
    precondition((0...Double(capacity)).contains(target), "p is out of bounds")
    precondition(ghosts.count(of: 0) <= max(capacity - onceCount, 0), "B1 is too long")
    precondition(ghosts.count(of: 1) <= max(oftenGhostLimit, 0), "B2 is too long")
    for slot in once + often {
      precondition(ghosts.queue(of: entries[slot].name) == nil, "a loaded region has a ghost")
    }
  }

  private var candidate: RegionSlot? {
    let often = lists.first(of: Self.often)
    if surplus == 0, let often { return often }
    return lists.first(of: Self.once) ?? often
  }

  /// How many victims in a row T1 would give before T2 comes.
  private var surplus: Int {
    if Double(onceCount) == target { return isWantedOften && onceCount > 0 ? 1 : 0 }
    // Down, because T1 gives one as long as it has any part of a region too many.
    return Double(onceCount) < target ? 0 : onceCount - Int(target)
  }

  private var oftenGhostLimit: Int {
    let rest = capacity - onceCount - oftenCount - ghosts.count(of: 0)
    return capacity > .max - max(rest, 0) ? .max : capacity + rest
  }

  private mutating func use(_ slot: RegionSlot, list: Int) {
    if !entries[slot].isOften {
      entries[slot].isOften = true
      onceCount -= 1
      oftenCount += 1
    }
    lists.moveToEnd(slot, of: list)
  }

  private mutating func trim() {
    ghosts.trim(0, to: capacity - onceCount)
    ghosts.trim(1, to: oftenGhostLimit)
  }

  private mutating func readmit() { lists.moveAll(from: Self.aside, toEndOf: Self.often) }
}

extension EvictionPolicy where Self == ARC {
  /// Unloads the least recently used of those used once or of those used often, and learns which.
  public static var arc: ARC { ARC() }
}
