public import MapProtocols
internal import Policies
public import Testing

/// What every policy promises, whatever it prefers, one case at a time. A policy joins by one line:
///
/// ```swift
/// @Test(arguments: PolicyConformance.allCases)
/// func mine(_ promise: PolicyConformance) { promise.check(MyPolicy()) }
/// ```
///
/// With `model: { MyModel() }` each of its decisions is compared with that model's as well.
public enum PolicyConformance: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case holdsNothingAtFirstAndAfterTheLastLeft
  case decidesSoundly
  case neverUnloadsWhatIsPinned
  case endsARoundOfPinnedRegions
  case handsOverAllRegions
  case isAValue

  /// Regions that fit, and their part of the operations in thousandths. After each operation the policy checks itself, with
  /// more than 64 regions after every thousandth.
  static let runs = [(1, 50), (2, 150), (8, 750), (64, 20), (300, 30)]

  /// The case's name, as a test report shows it.
  public var testDescription: String { rawValue }

  /// Checks this promise of a policy that holds nothing yet.
  ///
  /// - Parameters:
  ///   - operations: how many random ones `decidesSoundly` does.
  ///   - seed: what the random operations depend on; by default another one each time, which a failure tells.
  ///   - model: makes a model that decides alike, and announces the same victim.
  public func check(
    _ policy: any EvictionPolicy, operations: Int = 1_000_000,
    seed: UInt64 = .random(in: 0 ... .max),
    model: (() -> any PolicyModel)? = nil
  ) {
    switch self {
    case .holdsNothingAtFirstAndAfterTheLastLeft: holdsNothingAtFirstAndAfterTheLastLeft(policy)
    case .decidesSoundly: decidesSoundly(policy, operations, seed, model)
    case .neverUnloadsWhatIsPinned: neverUnloadsWhatIsPinned(policy)
    case .endsARoundOfPinnedRegions: endsARoundOfPinnedRegions(policy)
    case .handsOverAllRegions: handsOverAllRegions(policy)
    case .isAValue: isAValue(policy)
    }
  }

  private func holdsNothingAtFirstAndAfterTheLastLeft(_ empty: any EvictionPolicy) {
    var policy = empty
    let references = ReferenceTable(slots: 2)
    policy.setCapacity(PolicyCapacity(regions: 2))
    #expect(policy.victim(references) == nil)
    for isEvicted in [true, false] {
      let slot = RegionSlot(1)
      references.setCount(of: slot, to: 0)
      policy.miss(info(0).key)
      policy.insert(slot, info(0))
      #expect(policy.victim(references) == slot)
      policy.pinned(slot)
      #expect(policy.victim(references) == slot)
      policy.remove(slot, evicted: isEvicted)
      #expect(policy.victim(references) == nil)
      #expect(policy.evictionOrder().isEmpty)
      policy._checkInvariants()
    }
  }

  private func decidesSoundly(
    _ policy: any EvictionPolicy, _ operations: Int, _ seed: UInt64,
    _ model: (() -> any PolicyModel)?
  ) {
    for (capacity, part) in Self.runs {
      var run = PolicyRun(policy, model?(), capacity: capacity, seed: seed)
      #expect(throws: Never.self, "seed \(seed), \(capacity) regions") {
        try run.run(operations * part / 1000)
      }
    }
  }

  private func neverUnloadsWhatIsPinned(_ policy: any EvictionPolicy) {
    var host = PolicyHost(policy, capacity: 100, batch: 8)
    let requests = RequestTrace.skewed.requests(20_000)
    for (index, key) in requests.enumerated() {
      host.request(key)
      // One in five is pinned for the next 100 requests.
      if index % 5 == 0 { host.pin(key) }
      if index >= 100, (index - 100) % 5 == 0 { host.unpin(requests[index - 100]) }
      for past in max(0, index - 99)...index where past % 5 == 0 {
        guard host.isLoaded(requests[past]) else {
          Issue.record("request \(index): \(requests[past]) left, which is pinned")
          return
        }
      }
    }
  }

  private func endsARoundOfPinnedRegions(_ empty: any EvictionPolicy) {
    // A host that does not count pins learns from the victims that none can go.
    var policy = empty
    let references = ReferenceTable(slots: 50)
    policy.setCapacity(PolicyCapacity(regions: 50))
    for index in 0..<50 {
      policy.insert(RegionSlot(index), info(index))
      if let limit = policy.hits.limit {
        references.setCount(of: RegionSlot(index), to: index % (Int(limit) + 1))
      }
    }
    var found: Set<RegionSlot> = []
    for _ in 0..<200 where found.count < 50 {
      guard let slot = policy.victim(references) else { break }
      found.insert(slot)
      policy.pinned(slot)
    }
    #expect(found.count == 50)

    // One that does goes on when one of them is free again.
    var host = PolicyHost(empty, capacity: 10)
    for key in 0..<10 {
      host.request(key)
      host.pin(key)
      for _ in 0..<key { host.request(key) }
    }
    #expect(host.request(10) == .refused)
    host.unpin(7)
    #expect(host.request(10) == .miss(evicted: 7))
    #expect(host.loaded.count == 10)
  }

  /// To a successor, and from a predecessor.
  private func handsOverAllRegions(_ policy: any EvictionPolicy) {
    let requests = RequestTrace.skewed.requests(2_000)
    let lru: any EvictionPolicy = .lru
    for (first, second) in [(policy, lru), (lru, policy)] {
      var host = PolicyHost(first, capacity: 50, batch: 8)
      for key in requests { host.request(key) }
      let loaded = Set(host.loaded)
      let order = host.evictionOrder()
      guard Set(order) == loaded, order.count == loaded.count else {
        Issue.record("\(first.name) hands over \(order) instead of \(loaded)")
        return
      }
      host.setPolicy(second)
      let taken = host.evictionOrder()
      #expect(Set(taken) == loaded && taken.count == loaded.count)
      host.policy._checkInvariants()
      for key in requests { host.request(key) }
      host.policy._checkInvariants()
      #expect(host.loaded.count == 50)
    }
  }

  private func isAValue(_ empty: any EvictionPolicy) {
    var policy = empty
    policy.setCapacity(PolicyCapacity(regions: 8))
    for slot in 0..<5 { policy.insert(RegionSlot(slot), info(slot)) }
    let order = policy.evictionOrder()
    var copy = policy
    copy.remove(RegionSlot(2), evicted: true)
    copy.insert(RegionSlot(7), info(7))
    if copy.hits.limit == nil { copy.hit([RegionSlot(0), RegionSlot(7)].span) }
    #expect(policy.evictionOrder() == order)
    policy._checkInvariants()
    copy._checkInvariants()
  }

  private func info(_ window: Int) -> RegionInfo {
    RegionInfo(key: RegionKey(file: 1, window: window), byteCount: 1, reloadCost: 1)
  }
}
