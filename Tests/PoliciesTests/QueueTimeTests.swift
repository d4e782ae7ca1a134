import MapProtocols
import Policies
import Testing

/// What a queue costs depends on what is in it, not on what once was.
struct QueueTimeTests {
  /// Took minutes when a queue stayed as large as it ever was.
  @Test(.timeLimit(.minutes(1)))
  func fewRegionsAfterManyCostLittle() {
    let many = 300_000
    var policy = S3FIFO()
    policy.setCapacity(PolicyCapacity(regions: many))
    for slot in 0..<many { insert(slot) }
    for slot in 0..<many { remove(slot) }
    for _ in 0..<6000 {
      for slot in 0..<10 { insert(slot) }
      // The last first, which leaves gaps.
      for slot in (0..<10).reversed() { remove(slot) }
    }
    policy._checkInvariants()

    func insert(_ slot: Int) {
      let key = RegionKey(file: 1, window: slot)
      policy.insert(RegionSlot(slot), RegionInfo(key: key, byteCount: 1, reloadCost: 1))
    }
    func remove(_ slot: Int) { policy.remove(RegionSlot(slot), evicted: false) }
  }

  /// A scan lets regions used once come and go, while what is remembered of those used often stays. A miss took time for all
  /// that is remembered then, and what came after the scan memory for all of the scan.
  @Test func aScanLeavesNothingBehindInARC() {
    let capacity = 100
    let references = ReferenceTable(slots: capacity)
    var policy = ARC()
    policy.setCapacity(PolicyCapacity(regions: capacity))
    for index in 0..<capacity { insert(index, RegionSlot(index)) }
    let all = (0..<capacity).map { RegionSlot($0) }
    policy.hit(all.span)
    for index in capacity..<100 * capacity {
      policy.miss(RegionKey(file: 1, window: index))
      guard let victim = policy.victim(references) else { break }
      policy.remove(victim, evicted: true)
      insert(index, victim)
    }
    policy._checkInvariants()

    func insert(_ index: Int, _ slot: RegionSlot) {
      let key = RegionKey(file: 1, window: index)
      policy.insert(slot, RegionInfo(key: key, byteCount: 1, reloadCost: 1))
    }
  }
}
