public import MapProtocols

/// Unloads the region used least often; among equals the least recently used.
///
/// Exact in one thread, and the textbook's: a region's count starts at 1 and never ages, so what was used much long ago
/// stays. That suits a fixed distribution of uses; where the working set drifts it is far worse than `LRU`.
///
/// Every region counts the same, whatever its size. A pinned victim counts as used once more. It waits aside until the next
/// hit or miss, or until nobody else is left: its count may still be the lowest, and one round must not ask for a region
/// twice.
public struct LFU: EvictionPolicy {
  /// What is known of a slot.
  private struct Entry {
    /// How often it was used.
    var count = 0
    /// The bucket it is in; `CountBuckets.none` while set aside.
    var bucket = CountBuckets.none
  }

  /// The candidates' list, the first to go first; and that of those set aside, which were victims one after the other.
  private static let candidates = 0, aside = 1

  private var lists = SlotLists(listCount: 2)
  private var buckets = CountBuckets()
  private var entries: [Entry] = []

  /// A policy that holds nothing yet. O(1).
  public init() {}

  /// "lfu". O(1).
  public var name: String { "lfu" }

  /// Every hit, in order. O(1).
  public var hits: HitReporting { .ordered }

  /// Those set aside are candidates again. O(1) amortized.
  public mutating func miss(_ key: RegionKey) { readmit() }

  /// Notes a region as used once. O(1) amortized.
  public mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) {
    readmit()
    if slot.index >= entries.count {
      let missing = max(slot.index + 1, entries.count * 2) - entries.count
      entries.append(contentsOf: repeatElement(Entry(), count: missing))
    }
    entries[slot.index].count = 1
    let lowest = buckets.lowest
    let isShared = lowest != CountBuckets.none && buckets[lowest].count == 1
    enter(slot, above: isShared ? lowest : CountBuckets.none)
  }

  /// Counts uses. O(k) for k uses.
  public mutating func hit(_ slots: Span<RegionSlot>) {
    readmit()
    for index in slots.indices { use(slots[index]) }
  }

  /// The least recently used of those used least often. O(1) amortized.
  public mutating func victim(_ references: ReferenceTable) -> RegionSlot? {
    if lists.isEmpty(Self.candidates) { readmit() }
    return lists.first(of: Self.candidates)
  }

  /// Counts a use of the victim and sets it aside until the next hit or miss. O(1).
  public mutating func pinned(_ slot: RegionSlot) {
    guard entries[slot.index].bucket != CountBuckets.none else { return }
    leave(slot)
    entries[slot.index].count += 1
    lists.append(slot, to: Self.aside)
  }

  /// Forgets a region and how often it was used. O(1).
  public mutating func remove(_ slot: RegionSlot, evicted: Bool) {
    if entries[slot.index].bucket == CountBuckets.none { lists.remove(slot) } else { leave(slot) }
  }

  /// The next victims as long as none is used. O(`count`).
  public func upcoming(
    _ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot]
  ) {
    lists.copyFirst(count, of: Self.candidates, into: &slots)
  }

  /// All regions, the least often used first. O(n).
  public func evictionOrder() -> [RegionSlot] {
    var copy = self
    copy.readmit()
    return copy.lists.slots(of: Self.candidates)
  }

  /// Checks lists and buckets against each other. O(n).
  public func _checkInvariants() {
    lists.checkInvariants()
    var slots = lists.slots(of: Self.candidates)[...]
    var below = CountBuckets.none
    var bucket = buckets.lowest
    while bucket != CountBuckets.none {
      let content = buckets[bucket]
      precondition(content.below == below, "buckets disagree on who is below")
      precondition(
        below == CountBuckets.none || buckets[below].count < content.count, "counts must ascend")
      let run = slots.prefix(content.population)
      precondition(run.last == content.last, "a bucket does not end with its last region")
      for slot in run {
        precondition(entries[slot.index].bucket == bucket, "a region names another bucket")
        precondition(entries[slot.index].count == content.count, "a region has another count")
      }
      slots = slots.dropFirst(content.population)
      (below, bucket) = (bucket, content.above)
    }
    precondition(slots.isEmpty, "a region is in no bucket")
    for slot in lists.slots(of: Self.aside) {
      precondition(entries[slot.index].bucket == CountBuckets.none, "set aside, but in a bucket")
    }
  }

  /// Moves a region to the end of the next higher count's bucket.
  private mutating func use(_ slot: RegionSlot) {
    let bucket = entries[slot.index].bucket
    let count = entries[slot.index].count + 1
    let above = buckets[bucket].above
    let joins = above != CountBuckets.none && buckets[above].count == count
    if !joins && buckets[bucket].population == 1 {
      // Alone with its count, and the next one is free: bucket and region stay where they are.
      buckets[bucket].count = count
      entries[slot.index].count = count
      return
    }
    leave(slot)
    entries[slot.index].count = count
    enter(slot, above: joins ? above : bucket)
  }

  /// Puts a region into `bucket` if that has its count, else into a new one above it.
  private mutating func enter(_ slot: RegionSlot, above bucket: UInt32) {
    let hasBelow = bucket != CountBuckets.none
    lists.insert(slot, after: hasBelow ? buckets[bucket].last : nil, in: Self.candidates)
    let count = entries[slot.index].count
    if hasBelow && buckets[bucket].count == count {
      buckets[bucket].last = slot
      buckets[bucket].population += 1
      entries[slot.index].bucket = bucket
    } else {
      entries[slot.index].bucket = buckets.insert(count: count, slot: slot, above: bucket)
    }
  }

  /// Takes a region out of its bucket and out of the list.
  private mutating func leave(_ slot: RegionSlot) {
    let bucket = entries[slot.index].bucket
    entries[slot.index].bucket = CountBuckets.none
    if buckets[bucket].population == 1 {
      buckets.remove(bucket)
    } else {
      buckets[bucket].population -= 1
      if buckets[bucket].last == slot, let previous = lists.previous(before: slot) {
        buckets[bucket].last = previous
      }
    }
    lists.remove(slot)
  }

  /// Puts those set aside into the buckets of their counts, in the order in which they were the victims.
  ///
  /// Each was of the lowest count when it was the victim, so the search goes up with them, past buckets that they made and
  /// two others at most: O(1) for each of them.
  private mutating func readmit() {
    var below = CountBuckets.none
    while let slot = lists.first(of: Self.aside) {
      lists.remove(slot)
      let count = entries[slot.index].count
      if below != CountBuckets.none && buckets[below].count > count { below = CountBuckets.none }
      while true {
        let above = buckets.above(below)
        guard above != CountBuckets.none, buckets[above].count <= count else { break }
        below = above
      }
      enter(slot, above: below)
      below = entries[slot.index].bucket
    }
  }
}

extension EvictionPolicy where Self == LFU {
  /// Unloads the region used least often.
  public static var lfu: LFU { LFU() }
}
