import HeapModule
import SlidingMap

/// Plays a trace to a policy, without a manager: regions of one size, each request a hit or a miss.
///
/// In the order that `EvictionPolicy` promises. What a region is called and where it lies are array lookups, so that the
/// time is the policy's.
enum Replay {
  /// Hits told in one call to policies that want their order, as a manager collects them.
  private static let batchSize = 4096

  /// How many requests found their region absent.
  static func misses(
    of trace: Trace, capacity: Int, _ policy: some EvictionPolicy
  ) -> Int {
    var player = Player(policy, regions: trace.regionCount, capacity: capacity)
    return player.play(trace.requests)
  }

  private struct Player<Policy: EvictionPolicy> {
    private var policy: Policy
    private let references: ReferenceTable
    private let limit: UInt8?
    /// Where each region is, or -1.
    private var slots: [Int32]
    /// Which region is in each slot.
    private var regions: [Int32]
    private var used = 0
    private var unreported: [RegionSlot] = []

    init(_ policy: Policy, regions count: Int, capacity: Int) {
      self.policy = policy
      references = ReferenceTable(slots: capacity)
      limit = policy.hits.limit
      slots = Array(repeating: -1, count: count)
      regions = Array(repeating: -1, count: capacity)
      unreported.reserveCapacity(batchSize)
      self.policy.setCapacity(PolicyCapacity(regions: capacity))
    }

    mutating func play(_ requests: [Int32]) -> Int {
      var misses = 0
      for region in requests {
        let slot = slots[Int(region)]
        if slot < 0 {
          misses += 1
          load(region)
        } else if let limit {
          if limit > 0 { references.mark(RegionSlot(Int(slot)), limit: limit) }
        } else {
          unreported.append(RegionSlot(Int(slot)))
          if unreported.count == batchSize { report() }
        }
      }
      return misses
    }

    private mutating func load(_ region: Int32) {
      if !unreported.isEmpty { report() }
      let key = RegionKey(file: 1, window: Int(region))
      policy.miss(key)
      let slot: RegionSlot
      if used < regions.count {
        slot = RegionSlot(used)
        used += 1
      } else if let victim = policy.victim(references) {
        policy.remove(victim, evicted: true)
        slots[Int(regions[victim.index])] = -1
        slot = victim
      } else {
        preconditionFailure("a policy that holds regions names no victim")
      }
      slots[Int(region)] = Int32(slot.index)
      regions[slot.index] = region
      references.setCount(of: slot, to: 0)
      policy.insert(slot, RegionInfo(key: key, byteCount: 1, reloadCost: 1))
    }

    private mutating func report() {
      // Out of `self`, which a span of its array would keep from being changed; and back, for the array's room.
      var hits: [RegionSlot] = []
      swap(&hits, &unreported)
      policy.hit(hits.span)
      hits.removeAll(keepingCapacity: true)
      unreported = hits
    }
  }

  /// The fewest misses there can be: what is used again last, or never, leaves. L. A. Belady, "A study of replacement
  /// algorithms for a virtual-storage computer", IBM Systems Journal 5 (2), 1966. O(n log n).
  static func optimum(of trace: Trace, capacity: Int) -> Int {
    // When each request's region is requested again.
    var next = [Int32](repeating: .max, count: trace.requests.count)
    var seen = [Int32](repeating: .max, count: trace.regionCount)
    for index in trace.requests.indices.reversed() {
      next[index] = seen[Int(trace.requests[index])]
      seen[Int(trace.requests[index])] = Int32(index)
    }
    // What `again` says no longer is left in the heap until it comes up.
    var again = [Int32](repeating: -1, count: trace.regionCount)
    var latest = Heap<Use>()
    var (misses, loaded) = (0, 0)
    for (index, region) in trace.requests.enumerated() {
      if again[Int(region)] < 0 {
        misses += 1
        if loaded == capacity {
          while let use = latest.popMax() {
            if again[Int(use.region)] != use.time { continue }
            again[Int(use.region)] = -1
            break
          }
        } else {
          loaded += 1
        }
      }
      again[Int(region)] = next[index]
      latest.insert(Use(time: next[index], region: region))
    }
    return misses
  }

  private struct Use: Comparable {
    let time: Int32
    let region: Int32
    static func < (left: Use, right: Use) -> Bool { left.time < right.time }
  }
}
