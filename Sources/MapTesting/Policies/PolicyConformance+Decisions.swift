internal import MapProtocols

extension PolicyConformance {
  /// Regions that fit, and their part of the operations in thousandths. After each operation the policy checks itself, with
  /// more than 64 regions after every thousandth.
  private static let runs = [(1, 50), (2, 150), (8, 750), (64, 20), (300, 30)]

  static func beginsAndEndsEmpty(_ empty: any EvictionPolicy, _ checks: Checks) throws {
    var policy = empty
    let (name, hits) = (policy.name, policy.hits)
    checks.expect(!name.isEmpty, "it has no name")
    let references = ReferenceTable(slots: 2)
    policy.setCapacity(PolicyCapacity(regions: 2))
    checks.expect(
      policy.victim(references) == nil, "`victim` names a region before any was inserted")
    for isEvicted in [true, false] {
      let slot = RegionSlot(1)
      references.setCount(of: slot, to: 0)
      policy.miss(info(0).key)
      policy.insert(slot, info(0))
      try checks.require(
        policy.victim(references) == slot, "`victim` does not name the only region")
      policy.pinned(slot)
      try checks.require(
        policy.victim(references) == slot,
        "`victim` does not name the only region once it was pinned")
      policy.remove(slot, evicted: isEvicted)
      checks.expect(
        policy.victim(references) == nil,
        "`victim` names a region after `remove(_:evicted: \(isEvicted))` of the only one")
      checks.expect(
        policy.evictionOrder().isEmpty,
        "`evictionOrder` has a region after `remove(_:evicted: \(isEvicted))` of the only one")
      policy._checkInvariants()
    }
    checks.expect(policy.name == name && policy.hits == hits, "`name` or `hits` changed")
  }

  static func decidesSoundly(
    _ policy: any EvictionPolicy, _ operations: Int, _ seed: UInt64,
    _ model: (() -> any PolicyModel)?, _ checks: Checks
  ) throws {
    for (capacity, part) in runs {
      var run = PolicyRun(policy, model?(), capacity: capacity, seed: seed, checks)
      do {
        try run.run(operations * part / 1000)
        checks.expect(
          run.policy.name == policy.name && run.policy.hits == policy.hits,
          "`name` or `hits` changed while it held regions")
      } catch let fault as PolicyRun.Fault {
        checks.note(fault.description)
        return
      }
    }
  }

  static func heedsHits(_ policy: any EvictionPolicy, _ checks: Checks) {
    if policy.hits == .none { return checks.skip("it does not want to learn of hits") }
    let capacity = 16
    let requests = RequestTrace.skewed.requests(20_000).map { $0 % 64 }
    let victims = [true, false].map { isTold in
      var host = PolicyHost(policy, capacity: capacity)
      host.tellsOfHits = isTold
      let outcomes = requests.map { host.request($0) }
      checks.note(host)
      return outcomes
    }
    let (wants, question) =
      policy.hits.limit == nil
      ? ("in their order", "is its `hit(_:)` the protocol's, and does it do something?")
      : ("as counts", "does `victim` look at the reference table?")
    checks.expect(
      victims[0] != victims[1],
      "it wants to learn of hits \(wants), but the victims of \(requests.count) requests are the same without: \(question)"
    )
  }

  static func isAValue(_ empty: any EvictionPolicy, _ checks: Checks) {
    var policy = empty
    policy.setCapacity(PolicyCapacity(regions: 8))
    for slot in 0..<5 {
      policy.miss(info(slot).key)
      policy.insert(RegionSlot(slot), info(slot))
    }
    let held = Set(policy.evictionOrder())
    var copy = policy
    copy.remove(RegionSlot(2), evicted: true)
    copy.miss(info(7).key)
    copy.insert(RegionSlot(7), info(7))
    if copy.hits.limit == nil { copy.hit([RegionSlot(0), RegionSlot(7)].span) }
    checks.expect(
      Set(policy.evictionOrder()) == held,
      "a copy that changes changes the original: is something of it in a class?")
    policy._checkInvariants()
    copy._checkInvariants()
  }

  /// Looks at what collections in the policy's stored properties hold, as `Mirror` shows them.
  static func forgetsInTheEnd(_ empty: any EvictionPolicy, _ checks: Checks) {
    var host = PolicyHost(empty, capacity: 32)
    var sizes: [Int] = []
    // Up to then it may fill a history of a fixed size.
    for (first, last) in [(0, 80_000), (80_000, 160_000)] {
      for key in first..<last {
        host.request(key)
        host.request(key / 2)
        if key % 64 == 0 { checks.step() }
      }
      sizes.append(Footprint.elements(of: host.policy))
    }
    checks.note(host)
    checks.expect(
      sizes[1] - sizes[0] < 40_000,
      "with room for 32 its collections have \(sizes[0]) elements after 80,000 windows and \(sizes[1]) after 160,000"
    )
  }

  static func info(_ window: Int) -> RegionInfo {
    RegionInfo(key: RegionKey(file: 1, window: window), byteCount: 1, reloadCost: 1)
  }
}

extension Checks {
  /// Notes what a host saw its policy do that no manager would survive.
  func note(_ host: PolicyHost) {
    if let mistake = host.mistake { note(mistake) }
  }
}
