import MapProtocols
import MapTestSupport
import Policies
import Testing

/// What every policy promises, whatever it prefers.
struct ConformanceTests {
  /// Regions that fit, and operations for each policy: about two million in all over twelve policies.
  static let runs = [(1, 4_000), (2, 16_000), (8, 100_000), (64, 20_000), (300, 15_000)]

  @Test(arguments: allPolicies)
  func decidesLikeItsModel(_ subject: PolicyCase) {
    let seed = UInt64.random(in: 0 ... .max)
    for (capacity, operations) in Self.runs {
      var run = ModelRun(subject, capacity: capacity, seed: seed)
      #expect(throws: Never.self, "seed \(seed), \(capacity) regions") {
        try run.run(operations)
      }
    }
  }

  @Test(arguments: allPolicies)
  func holdsNothingAtFirstAndAfterTheLastLeft(_ subject: PolicyCase) {
    var policy = subject.policy
    let references = ReferenceTable(slots: 2)
    #expect(policy.victim(references) == nil)
    let slot = RegionSlot(1)
    policy.insert(slot, info(0))
    #expect(policy.victim(references) == slot)
    policy.pinned(slot)
    #expect(policy.victim(references) == slot)
    policy.remove(slot, evicted: true)
    #expect(policy.victim(references) == nil)
    #expect(policy.evictionOrder().isEmpty)
    policy._checkInvariants()
  }

  @Test(arguments: allPolicies)
  func neverUnloadsWhatIsPinned(_ subject: PolicyCase) {
    var host = PolicyHost(subject.policy, capacity: 100, batch: 8)
    let requests = RequestTrace.skewed.requests(20_000)
    for (index, key) in requests.enumerated() {
      host.request(key)
      // One in five is pinned for the next 100 requests.
      if index % 5 == 0 { host.pin(key) }
      if index >= 100, (index - 100) % 5 == 0 { host.unpin(requests[index - 100]) }
      for past in max(0, index - 99)...index where past % 5 == 0 {
        #expect(host.isLoaded(requests[past]))
      }
    }
  }

  @Test(arguments: allPolicies)
  func refusesWhenAllIsPinnedAndGoesOnAfterwards(_ subject: PolicyCase) {
    var host = PolicyHost(subject.policy, capacity: 10)
    for key in 0..<10 {
      host.request(key)
      host.pin(key)
      for _ in 0..<key { host.request(key) }
    }
    #expect(host.request(10) == .refused)
    #expect(host.pinnedVictims == 0)
    host.unpin(7)
    #expect(host.request(10) == .miss(evicted: 7))
    #expect(host.loaded.count == 10)
  }

  /// A host that does not count pins learns from the victims that none can go.
  @Test(arguments: allPolicies)
  func aRoundOfPinnedRegionsComesByEach(_ subject: PolicyCase) {
    var policy = subject.policy
    let references = ReferenceTable(slots: 50)
    policy.setCapacity(PolicyCapacity(regions: 50))
    for index in 0..<50 {
      policy.insert(RegionSlot(index), info(index))
      references.setCount(of: RegionSlot(index), to: index % 4)
    }
    var found: Set<RegionSlot> = []
    for _ in 0..<200 where found.count < 50 {
      guard let slot = policy.victim(references) else { break }
      found.insert(slot)
      policy.pinned(slot)
    }
    #expect(found.count == 50)
  }

  @Test(arguments: allPolicies, allPolicies)
  func aSuccessorKeepsAllRegions(_ predecessor: PolicyCase, _ successor: PolicyCase) {
    var host = PolicyHost(predecessor.policy, capacity: 50, batch: 8)
    let requests = RequestTrace.skewed.requests(2_000)
    for key in requests { host.request(key) }
    let loaded = Set(host.loaded)
    let order = host.evictionOrder()
    #expect(Set(order) == loaded && order.count == loaded.count)

    host.setPolicy(successor.policy)
    #expect(Set(host.loaded) == loaded)
    #expect(Set(host.evictionOrder()) == loaded)
    if successor.policy.name != "random" { #expect(host.evictionOrder() == order) }
    host.policy._checkInvariants()
    for key in requests { host.request(key) }
    host.policy._checkInvariants()
    #expect(host.loaded.count == 50)
  }

  @Test(arguments: allPolicies)
  func isAValue(_ subject: PolicyCase) {
    var policy = subject.policy
    for slot in 0..<5 { policy.insert(RegionSlot(slot), info(slot)) }
    let order = policy.evictionOrder()
    var copy = policy
    copy.remove(RegionSlot(2), evicted: true)
    copy.insert(RegionSlot(9), info(9))
    #expect(policy.evictionOrder() == order)
    policy._checkInvariants()
    copy._checkInvariants()
  }

  @Test func namesAreDistinct() {
    let names = allPolicies.map(\.policy.name)
    #expect(
      names == [
        "lru", "fifo", "clock", "clock2bit", "lfu", "lfuda", "sieve", "s3fifo", "twoq", "arc",
        "wtinylfu", "random",
      ])
  }

  private func info(_ window: Int) -> RegionInfo {
    RegionInfo(key: RegionKey(file: 1, window: window), byteCount: 1, reloadCost: 1)
  }
}
