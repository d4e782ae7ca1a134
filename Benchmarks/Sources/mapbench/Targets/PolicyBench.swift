import BenchmarkSupport
import SlidingMap

/// A policy and regions that are there in name only, some of them pinned: for timing the policy alone.
///
/// It plays requests in pieces: which of a piece are hits is told first, then what is absent is loaded. Both are looked up
/// beforehand, and what left is noted afterwards, so that little but the policy is timed.
struct PolicyBench {
  private var policy: any EvictionPolicy
  private let references: ReferenceTable
  private var pins: PinnedSlots
  private let requests: [Int32]
  private var next = 0
  /// The region in each slot, and the slot of each region or -1; -2 in a piece that asked for it already.
  private var regions: [Int32]
  private var slots: [Int32]
  private(set) var evictions = 0
  /// Victims asked for, those that were pinned included.
  private(set) var victims = 0

  /// Loads regions and goes on until each has left twice.
  ///
  /// - Parameters:
  ///   - requests: for regions below 4 * `count`; they are gone through again and again.
  ///   - count: how many regions fit.
  init(_ policy: any EvictionPolicy, requests: [Int32], regions count: Int) {
    self.policy = policy
    self.requests = requests
    references = ReferenceTable(slots: count)
    regions = Array(0..<Int32(count))
    slots = regions + Array(repeating: -1, count: 3 * count)
    pins = PinnedSlots(slots: count, pinned: count * 21 / 100)
    self.policy.setCapacity(PolicyCapacity(regions: count))
    // Not in the order of the slots, which a policy's lists would then have for long.
    var generator = SeededGenerator(seed: 31)
    for region in regions.shuffled(using: &generator) {
      let info = Self.info(of: region)
      self.policy.miss(info.key)
      self.policy.insert(RegionSlot(Int(region)), info)
    }
    while evictions < 2 * count { round() }
    (evictions, victims) = (0, 0)
  }

  /// Plays a piece, and says what its hits and its misses took, in seconds, and how many there were.
  @discardableResult
  mutating func round() -> (hits: Int, hitTime: Double, misses: Int, missTime: Double) {
    var used: [RegionSlot] = []
    var wanted: [RegionInfo] = []
    for _ in 0..<regions.count {
      let region = requests[next]
      next = next + 1 == requests.count ? 0 : next + 1
      switch slots[Int(region)] {
      case -1:
        wanted.append(Self.info(of: region))
        slots[Int(region)] = -2
      case -2: break
      case let slot: used.append(RegionSlot(Int(slot)))
      }
    }
    let hitTime = seconds { PolicyLoops.hit(used, &policy, references) }
    // Slowly enough that the longest pinned are what a policy would unload.
    pins.move(to: used.prefix(wanted.count / 16))

    var left: [RegionSlot] = []
    left.reserveCapacity(wanted.count)
    let missTime = seconds { victims += Self.load(wanted, &policy, references, pins, &left) }
    for (slot, info) in zip(left, wanted) {
      let old = Int(regions[slot.index])
      if slots[old] == Int32(slot.index) { slots[old] = -1 }
      regions[slot.index] = Int32(info.key.window)
      slots[info.key.window] = Int32(slot.index)
    }
    evictions += wanted.count
    return (used.count, hitTime, wanted.count, missTime)
  }

  private static func info(of region: Int32) -> RegionInfo {
    RegionInfo(key: RegionKey(file: 1, window: Int(region)), byteCount: 1, reloadCost: 1)
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
