import BenchmarkSupport
import SlidingMap

/// A policy with regions that are there in name only.
final class PolicyWork {
  static let missCount = 100_000
  private static let regions = 30_000

  private var policy: any EvictionPolicy
  private let references: ReferenceTable
  /// Which slots are hit, and in which order.
  private let slots: [RegionSlot]
  private var counts: [UInt64]
  private var nextWindow = 0

  /// Loads as many regions as fit, and has each of them leave.
  init(_ policy: any EvictionPolicy) {
    self.policy = policy
    references = ReferenceTable(slots: Self.regions)
    counts = Array(repeating: 0, count: Self.regions)
    var generator = SeededGenerator(seed: 4)
    slots = (0..<1_000_000).map { _ in
      RegionSlot(Int.random(in: 0..<Self.regions, using: &generator))
    }
    self.policy.setCapacity(PolicyCapacity(regions: Self.regions))
    for slot in (0..<Self.regions).shuffled(using: &generator) {
      let info = nextRegion()
      self.policy.miss(info.key)
      self.policy.insert(RegionSlot(slot), info)
    }
    _ = hits()
    _ = misses()
  }

  /// A million hits.
  func hits() -> UInt64 {
    PolicyLoops.hit(slots, &policy, references)
    return UInt64(slots.count)
  }

  /// Regions that were never there, each into the slot of one that leaves.
  func misses() -> UInt64 { load(&policy) }

  /// The plain side: what so many hits would be if all that had to be done was to count them.
  func counting(_ count: Int) -> () -> UInt64 {
    { [self] in
      for slot in slots[..<count] { counts[slot.index] &+= 1 }
      return UInt64(count)
    }
  }

  @inline(never)
  private func load(_ policy: inout some EvictionPolicy) -> UInt64 {
    var evictions: UInt64 = 0
    for _ in 0..<Self.missCount {
      let region = nextRegion()
      policy.miss(region.key)
      guard let slot = policy.victim(references) else { break }
      policy.remove(slot, evicted: true)
      references.setCount(of: slot, to: 0)
      policy.insert(slot, region)
      evictions += 1
    }
    return evictions
  }

  private func nextRegion() -> RegionInfo {
    defer { nextWindow += 1 }
    return RegionInfo(
      key: RegionKey(file: 1, window: nextWindow), byteCount: 1, reloadCost: 1)
  }
}
