import SlidingMap

/// A policy and regions that are there in name only, some of them pinned: for timing the policy alone.
///
/// Which regions come and which are used is drawn beforehand, and what left is noted afterwards, so that little but the
/// policy is timed. Regions that are used and those that are asked for are any, each equally likely, so that the next one
/// is never at hand; of those asked for about a third left not long ago.
struct PolicyBench {
  /// Hits told in one call to policies that want their order, as a manager collects them.
  private static let batchSize = 4096
  /// Hits for each miss.
  private static let hitsPerMiss = 3

  private var policy: any EvictionPolicy
  private let limit: UInt8?
  private let references: ReferenceTable
  private var pins: PinnedSlots
  private var generator = SeededGenerator(seed: 31)
  /// The region in each slot, and those in none.
  private var regions: [Int32]
  private var absent: [Int32]
  private(set) var evictions = 0
  /// Victims asked for, those that were pinned included.
  private(set) var victims = 0

  /// Loads regions and goes on until what the policy remembers of them no longer grows.
  init(_ policy: any EvictionPolicy, regions count: Int) {
    self.policy = policy
    limit = policy.hits.limit
    references = ReferenceTable(slots: count)
    regions = Array(0..<Int32(count))
    absent = Array(Int32(count)..<Int32(4 * count)).shuffled(using: &generator)
    pins = PinnedSlots(slots: count, pinned: count * 21 / 100)
    self.policy.setCapacity(PolicyCapacity(regions: count))
    // Not in the order of the slots, which a policy's lists would then have for long.
    for region in regions.shuffled(using: &generator) {
      let info = Self.info(of: region)
      self.policy.miss(info.key)
      self.policy.insert(RegionSlot(Int(region)), info)
    }
    while evictions < 2 * count { round() }
    (evictions, victims) = (0, 0)
  }

  /// What a hit and a miss took, in nanoseconds.
  @discardableResult
  mutating func round() -> (hit: Double, miss: Double) {
    let misses = max(regions.count / 8, 1)
    let used = (0..<Self.hitsPerMiss * misses).map { _ in
      RegionSlot(generator.below(regions.count))
    }
    let hitTime = seconds { Self.hit(used, &policy, limit, references) }
    // Slowly enough that the longest pinned are what a policy would unload.
    pins.move(to: used.prefix(misses / 16))

    let wanted = (absent.count - misses..<absent.count).map { last in
      absent.swapAt(last, generator.below(last + 1))
      return Self.info(of: absent[last])
    }
    var left: [RegionSlot] = []
    left.reserveCapacity(misses)
    let missTime = seconds {
      victims += Self.load(wanted, &policy, references, pins, &left)
    }
    absent.removeLast(misses)
    for (slot, info) in zip(left, wanted) {
      absent.append(regions[slot.index])
      regions[slot.index] = Int32(info.key.window)
    }
    evictions += misses
    return (hitTime / Double(used.count) * 1e9, missTime / Double(misses) * 1e9)
  }

  private static func info(of region: Int32) -> RegionInfo {
    RegionInfo(key: RegionKey(file: 1, window: Int(region)), byteCount: 1, reloadCost: 1)
  }

  @inline(never)
  private static func hit(
    _ slots: [RegionSlot], _ policy: inout some EvictionPolicy, _ limit: UInt8?,
    _ references: ReferenceTable
  ) {
    if let limit {
      if limit > 0 { for slot in slots { references.mark(slot, limit: limit) } }
      return
    }
    for start in stride(from: 0, to: slots.count, by: batchSize) {
      policy.hit(slots.span.extracting(start..<min(start + batchSize, slots.count)))
    }
  }

  /// Loads regions, each into the slot of one that leaves, and says how many victims it took.
  @inline(never)
  private static func load(
    _ regions: [RegionInfo], _ policy: inout some EvictionPolicy, _ references: ReferenceTable,
    _ pins: borrowing PinnedSlots, _ left: inout [RegionSlot]
  ) -> Int {
    var victims = 0
    for region in regions {
      policy.miss(region.key)
      while let slot = policy.victim(references) {
        victims += 1
        if pins.contains(slot) {
          policy.pinned(slot)
          continue
        }
        policy.remove(slot, evicted: true)
        left.append(slot)
        references.setCount(of: slot, to: 0)
        policy.insert(slot, region)
        break
      }
    }
    return victims
  }
}
