internal import MapProtocols
internal import Policies

extension PolicyConformance {
  static func sparesWhatIsPinned(_ policy: any EvictionPolicy, _ checks: Checks) {
    var host = PolicyHost(policy, capacity: 100, batch: 8)
    let requests = RequestTrace.skewed.requests(20_000)
    for (index, key) in requests.enumerated() {
      if index % 64 == 0 { checks.step() }
      if host.request(key) == .refused {
        checks.note(host)
        checks.note(
          "request \(index): `victim` names none, or pinned regions alone, though most are free")
        return
      }
      // One in five is pinned for the next 100 requests.
      if index % 5 == 0 { host.pin(key) }
      if index >= 100, (index - 100) % 5 == 0 { host.unpin(requests[index - 100]) }
      for past in max(0, index - 99)...index where past % 5 == 0 {
        if host.isLoaded(requests[past]) { continue }
        checks.note("request \(index): \(requests[past]) left, which is pinned")
        return
      }
    }
  }

  static func endsARoundOfPinnedRegions(_ empty: any EvictionPolicy, _ checks: Checks) {
    // A host that does not count pins learns from the victims that none can go.
    var policy = empty
    let references = ReferenceTable(slots: 50)
    policy.setCapacity(PolicyCapacity(regions: 50))
    for index in 0..<50 {
      policy.miss(info(index).key)
      policy.insert(RegionSlot(index), info(index))
      if let limit = policy.hits.limit {
        references.setCount(of: RegionSlot(index), to: index % (Int(limit) + 1))
      }
    }
    var found: Set<RegionSlot> = []
    var repeats = 0
    while found.count < 50, repeats <= PolicyMistake.mostRepeats(of: 50) {
      guard let slot = policy.victim(references) else { break }
      repeats = found.insert(slot).inserted ? 0 : repeats + 1
      policy.pinned(slot)
    }
    checks.expect(
      found.count == 50,
      "`victim` and `pinned`, again and again, came by \(found.count) of 50 regions: does `pinned` move a region back?"
    )

    // One that does goes on when one of them is free again.
    var host = PolicyHost(empty, capacity: 10)
    for key in 0..<10 {
      host.request(key)
      host.pin(key)
      for _ in 0..<key { host.request(key) }
    }
    checks.expect(host.request(10) == .refused, "a region left though all are pinned")
    host.unpin(7)
    checks.expect(
      host.request(10) == .miss(evicted: 7), "the only region that is not pinned does not go")
    checks.note(host)
    checks.expect(host.loaded.count == 10, "\(host.loaded.count) regions are loaded where 10 fit")
  }

  /// To a successor, and from a predecessor; the first to go first.
  static func handsOverAllRegions(_ policy: any EvictionPolicy, _ checks: Checks) throws {
    let requests = RequestTrace.skewed.requests(2_000)
    let lru: any EvictionPolicy = .lru
    for (first, second) in [(policy, lru), (lru, policy)] {
      var host = PolicyHost(first, capacity: 50, batch: 8)
      for key in requests { host.request(key) }
      let loaded = Set(host.loaded)
      let order = host.evictionOrder()
      checks.note(host)
      try checks.require(
        Set(order) == loaded && order.count == loaded.count,
        "of 50 regions \"\(first.name)\" hands \(order.count) over, \(Set(order).intersection(loaded).count) of them right"
      )
      host.setPolicy(second)
      expect(
        order, toBeLike: victims(of: host, checks),
        "`adopt` of \"\(second.name)\" turns the order around", checks)
      let taken = host.evictionOrder()
      try checks.require(
        Set(taken) == loaded && taken.count == loaded.count,
        "of 50 regions \"\(second.name)\" takes over \(Set(taken).intersection(loaded).count)")
      host.policy._checkInvariants()
      for key in requests { host.request(key) }
      host.policy._checkInvariants()
      checks.expect(
        host.loaded.count == 50,
        "\(host.loaded.count) regions are loaded where 50 fit, after a swap")
    }
    expectOrder(policy, requests, checks)
  }

  private static func expectOrder(
    _ policy: any EvictionPolicy, _ requests: [Int], _ checks: Checks
  ) {
    var host = PolicyHost(policy, capacity: 50, batch: 8)
    for key in requests { host.request(key) }
    expect(
      host.evictionOrder(), toBeLike: victims(of: host, checks),
      "`evictionOrder` is turned around", checks)
  }

  /// The regions in the order in which they leave when nothing is used any more.
  private static func victims(of host: PolicyHost, _ checks: Checks) -> [Int] {
    var host = host
    var victims: [Int] = []
    while let key = host.evict() { victims.append(key) }
    checks.note(host)
    return victims
  }

  /// Compares an order with that in which regions leave. That it is much the same is not asked for, since a policy may weigh what it can't
  /// tell beforehand, or choose by chance; but what goes last must not stand first.
  private static func expect(
    _ order: [Int], toBeLike victims: [Int], _ what: String, _ checks: Checks
  ) {
    var places: [Int: Int] = [:]
    for key in victims { places[key] = places.count }
    let leaving = order.compactMap { places[$0] }
    let pairs = leaving.indices.flatMap { first in
      leaving[(first + 1)...].map { leaving[first] < $0 }
    }
    let turned = pairs.count { !$0 }
    checks.expect(
      turned <= pairs.count * 3 / 4,
      "\(what): of \(pairs.count) pairs of regions \(turned) leave the other way, if nothing is used meanwhile"
    )
  }
}
