import MapProtocols
import MapTestSupport
import Policies
import Testing

/// What single policies promise beyond the order of eviction.
struct PolicyTests {
  @Test func randomFollowsItsSeed() {
    func victims(_ policy: any EvictionPolicy) -> [PolicyHost.Outcome] {
      var host = PolicyHost(policy, capacity: 20)
      return (0..<200).map { host.request($0) }
    }
    #expect(victims(.random) == victims(.random(seed: 1)))
    #expect(victims(.random(seed: 2)) == victims(.random(seed: 2)))
    #expect(victims(.random(seed: 2)) != victims(.random(seed: 3)))
  }

  @Test func randomPrefersNoRegion() {
    // Each of 8 regions is the first victim in about an eighth of 8,000 tries; 6 standard deviations are 178.
    var firsts = Array(repeating: 0, count: 8)
    let references = ReferenceTable(slots: 8)
    for seed in 0..<8_000 {
      var policy: Random = .random(seed: UInt64(seed))
      for slot in 0..<8 {
        policy.insert(
          RegionSlot(slot),
          RegionInfo(key: RegionKey(file: 1, window: slot), byteCount: 1, reloadCost: 1))
      }
      if let slot = policy.victim(references) { firsts[slot.index] += 1 }
    }
    #expect(firsts.allSatisfy { (822...1178).contains($0) }, "\(firsts)")
  }

  @Test func clockEndsItsSweepWhenMarksComeBack() {
    var policy: Clock = .clock
    let references = ReferenceTable(slots: 1)
    let slot = RegionSlot(0)
    policy.insert(
      slot, RegionInfo(key: RegionKey(file: 1, window: 0), byteCount: 1, reloadCost: 1))
    // More than the policy would ever set, as a predecessor with a higher limit may have left it.
    references.setCount(of: slot, to: 3)
    #expect(policy.victim(references) == slot)
    #expect(references.count(of: slot) == 0)
  }

  @Test func aSlotIsHeldOnce() async {
    await #expect(processExitsWith: .failure) {
      var policy: LRU = .lru
      let info = RegionInfo(key: RegionKey(file: 1, window: 0), byteCount: 1, reloadCost: 1)
      policy.insert(RegionSlot(0), info)
      policy.insert(RegionSlot(0), info)
    }
  }

  @Test func aRegionThatLeftCannotBeUsed() async {
    await #expect(processExitsWith: .failure) {
      var policy: LRU = .lru
      let info = RegionInfo(key: RegionKey(file: 1, window: 0), byteCount: 1, reloadCost: 1)
      policy.insert(RegionSlot(0), info)
      policy.remove(RegionSlot(0), evicted: true)
      let slots = [RegionSlot(0)]
      policy.hit(slots.span)
    }
  }
}
