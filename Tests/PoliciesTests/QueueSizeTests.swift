import MapProtocols
import Policies
import Testing

/// What a queue costs depends on what is in it, not on what once was.
struct QueueSizeTests {
  /// Closing the gaps in a queue walks all its places. It took minutes when a queue stayed as large as it ever was.
  @Test func fewRegionsAfterManyTakeFewPlaces() {
    let many = 300_000
    var policy = S3FIFO()
    // All enter the queue that those who come later enter, too.
    policy.setCapacity(PolicyCapacity(regions: 10 * many))
    for slot in 0..<many { insert(slot) }
    for slot in 0..<many { remove(slot) }
    let few = 10
    var places: [Int] = []
    for _ in 0..<10 {
      for slot in 0..<few { insert(slot) }
      // The last first, which leaves gaps: closing them makes the queue as small as what is left needs.
      for slot in (0..<few).reversed() { remove(slot) }
      places.append(policy.queuePlaces)
    }
    policy._checkInvariants()
    // At most four for each region and eight for each of the four queues.
    #expect(places.allSatisfy { $0 <= 4 * few + 4 * 8 }, "\(places)")

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
