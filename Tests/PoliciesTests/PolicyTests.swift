import MapProtocols
import MapTestSupport
import MapTesting
import Policies
import Testing

/// What single policies promise beyond the order of eviction.
struct PolicyTests {
  @Test func aPolicyIsFoundByItsName() throws {
    #expect(AnyEvictionPolicy.names.sorted() == allPolicies.map(\.policy.name).sorted())
    for name in AnyEvictionPolicy.names {
      let policy: AnyEvictionPolicy = try .named(name.uppercased())
      #expect(policy.name == name && AnyEvictionPolicy(policy).base.name == name)
      #expect(!(AnyEvictionPolicy(policy).base is AnyEvictionPolicy))
    }
    #expect(try AnyEvictionPolicy.named("clock2bit").hits == .counted(upTo: 3))
    let error = #expect(throws: MapError.self) { try AnyEvictionPolicy.named("lirs") }
    #expect(error?.code == .unknownPolicy)
    #expect(error?.description.contains("no policy is called \"lirs\"; there are lru, lfu") == true)
  }

  /// In its box a policy decides as without.
  @Test func aPolicyInABoxIsTheSame() throws {
    try PolicyConformance.check(
      Boxed(AnyEvictionPolicy(.s3fifo)), promises: [.decidesSoundly], operations: 50_000
    ) { S3FIFOModel() }
    var simulation = PolicySimulation(try .named("clock"), capacity: PolicyCapacity(regions: 64))
    var plain = PolicySimulation(.clock, capacity: PolicyCapacity(regions: 64))
    let requests = RequestTrace.skewed.requests(20_000).map { Int32($0) }
    #expect(simulation.play(requests.span) == plain.play(requests.span))
  }

  /// Keeps the box closed.
  private struct Boxed: EvictionPolicy {
    var box: AnyEvictionPolicy
    init(_ box: AnyEvictionPolicy) { self.box = box }
    var name: String { box.name }
    var hits: HitReporting { box.hits }
    mutating func setCapacity(_ capacity: PolicyCapacity) { box.setCapacity(capacity) }
    mutating func miss(_ key: RegionKey) { box.miss(key) }
    mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) { box.insert(slot, region) }
    mutating func hit(_ slots: Span<RegionSlot>) { box.hit(slots) }
    mutating func victim(_ references: ReferenceTable) -> RegionSlot? { box.victim(references) }
    mutating func pinned(_ slot: RegionSlot) { box.pinned(slot) }
    mutating func remove(_ slot: RegionSlot, evicted: Bool) { box.remove(slot, evicted: evicted) }
    func upcoming(_ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot]) {
      box.upcoming(count, references, into: &slots)
    }
    func evictionOrder() -> [RegionSlot] { box.evictionOrder() }
    mutating func adopt(_ regions: [(slot: RegionSlot, info: RegionInfo)]) { box.adopt(regions) }
    func _checkInvariants() { box._checkInvariants() }
  }

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
      var policy: RandomReplacement = .random(seed: UInt64(seed))
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
    var policy: CLOCK = .clock
    let references = ReferenceTable(slots: 1)
    let slot = RegionSlot(0)
    policy.insert(
      slot, RegionInfo(key: RegionKey(file: 1, window: 0), byteCount: 1, reloadCost: 1))
    // More than the policy would ever set, as a predecessor with a higher limit may have left it.
    references.setCount(of: slot, to: 3)
    #expect(policy.victim(references) == slot)
    #expect(references.count(of: slot) == 0)
  }

  @Test(arguments: [SIEVE() as any EvictionPolicy, S3FIFO()])
  func sweepsEndWhenMarksComeBack(_ policy: any EvictionPolicy) {
    var policy = policy
    let references = ReferenceTable(slots: 20)
    policy.setCapacity(PolicyCapacity(regions: 20))
    for index in 0..<20 {
      policy.insert(RegionSlot(index), info(index))
      // More than the policy would ever set, as a predecessor with a higher limit may have left it.
      references.setCount(of: RegionSlot(index), to: 255)
    }
    let victim = policy.victim(references)
    let again = policy.victim(references)
    #expect(victim != nil && again == victim)
    policy._checkInvariants()
  }

  @Test func tinyLFUFollowsItsSeed() {
    func outcomes(_ seed: UInt64, batch: Int = 1) -> [PolicyHost.Outcome] {
      var host = PolicyHost(.tinyLFU(seed: seed), capacity: 50, batch: batch)
      return RequestTrace.skewed.requests(20_000).map { host.request($0) }
    }
    #expect(outcomes(2) == outcomes(2))
    #expect(outcomes(2) != outcomes(3))
    // A manager reports hits late, but always before the next decision.
    #expect(outcomes(2) == outcomes(2, batch: 7))
    #expect(outcomes(2) == outcomes(2, batch: 4096))
  }

  /// The sketch knows how often a region was asked for while it was not loaded: a scan pushes nothing out.
  @Test func tinyLFUResistsAScan() {
    var host = PolicyHost(.tinyLFU, capacity: 100)
    for _ in 0..<5 { for key in 0..<90 { host.request(key) } }
    for key in 1000..<1800 { host.request(key) }
    #expect((0..<90).count { host.isLoaded($0) } >= 80)
  }

  /// Else a load that fails would make a region a stranger again.
  @Test(arguments: [TwoQ() as any EvictionPolicy, ARC(), S3FIFO()])
  func aFailedLoadKeepsTheGhost(_ policy: any EvictionPolicy) {
    func order(failing: Bool) -> [RegionSlot] {
      var policy = policy
      policy.setCapacity(PolicyCapacity(regions: 20))
      let references = ReferenceTable(slots: 40)
      for index in 0..<20 { policy.insert(RegionSlot(index), info(index)) }
      for index in 20..<30 {
        guard let victim = policy.victim(references) else { break }
        policy.remove(victim, evicted: true)
        policy.insert(RegionSlot(index), info(index))
      }
      let left = Set(policy.evictionOrder().map(\.index)).symmetricDifference(0..<30)
      let key = info(left.max() ?? 0).key
      if failing {
        policy.miss(key)
        policy.miss(RegionKey(file: 2, window: 0))
      }
      policy.miss(key)
      policy.insert(RegionSlot(39), RegionInfo(key: key, byteCount: 1, reloadCost: 1))
      policy._checkInvariants()
      return policy.evictionOrder()
    }
    #expect(order(failing: true) == order(failing: false))
  }

  /// Numbers of uses with one to three digits of the heap's, and victims that were asked for in vain.
  @Test func lfudaKeepsKeysFarApart() {
    var policy = LFUDA()
    var model = LFUDAModel()
    let references = ReferenceTable(slots: 20)
    var generator = SplitMix64(seed: 5)
    for slot in 0..<20 {
      policy.insert(RegionSlot(slot), info(slot))
      model.insert(slot)
    }
    for round in 0..<500 {
      let used = Int.random(in: 0..<20, using: &generator)
      for _ in 0..<1 << Int.random(in: 0...13, using: &generator) {
        policy.hit([RegionSlot(used)].span)
        model.hit(used)
      }
      policy.miss(RegionKey(file: 1, window: round))
      model.miss()
      for _ in 0..<(round % 7 == 0 ? 20 : round % 3) {
        guard let pinned = policy.victim(references) else { break }
        #expect(pinned.index == model.victim())
        policy.pinned(pinned)
        model.pinned(pinned.index)
      }
      policy._checkInvariants()
      if round % 7 == 0 { continue }
      guard let victim = policy.victim(references) else { break }
      #expect(victim.index == model.victim())
      policy.remove(victim, evicted: true)
      model.remove(victim.index, evicted: true)
      policy.insert(victim, info(round))
      model.insert(victim.index)
      policy._checkInvariants()
    }
    #expect(policy.evictionOrder().count == 20)
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

  private func info(_ window: Int) -> RegionInfo {
    RegionInfo(key: RegionKey(file: 1, window: window), byteCount: 1, reloadCost: 1)
  }
}
