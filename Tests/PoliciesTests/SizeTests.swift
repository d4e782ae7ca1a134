import MapProtocols
import MapTestSupport
import MapTesting
import Policies
import Testing

/// What policies do with regions of different sizes: each counts as one, and the host goes on until there is room.
struct SizeTests {
  /// Loads regions of one to four bytes into a budget of bytes; as many windows of four bytes fit as it tells.
  private struct Host {
    static let windowSize = 4

    var policy: any EvictionPolicy
    let bytes: Int
    let references: ReferenceTable
    var slots: [Int: RegionSlot] = [:]
    var regions: [RegionInfo?]
    var used = 0

    init(_ policy: any EvictionPolicy, bytes: Int) {
      self.policy = policy
      self.bytes = bytes
      references = ReferenceTable(slots: bytes)
      regions = Array(repeating: nil, count: bytes)
      self.policy.setCapacity(PolicyCapacity(regions: bytes / Self.windowSize, bytes: bytes))
    }

    mutating func request(_ key: Int, byteCount: Int) {
      if let slot = slots[key] {
        switch policy.hits.limit {
        case nil: policy.hit([slot].span)
        case .some(let limit): if limit > 0 { references.mark(slot, limit: limit) }
        }
        return
      }
      let name = RegionKey(file: 1, window: key)
      policy.miss(name)
      while used + byteCount > bytes, let victim = policy.victim(references) {
        policy.remove(victim, evicted: true)
        guard let old = regions[victim.index] else { break }
        used -= old.byteCount
        slots[old.key.window] = nil
        regions[victim.index] = nil
      }
      guard let free = regions.firstIndex(where: { $0 == nil }) else { return }
      let slot = RegionSlot(free)
      let info = RegionInfo(key: name, byteCount: byteCount, reloadCost: 1)
      (regions[free], slots[key]) = (info, slot)
      used += byteCount
      references.setCount(of: slot, to: 0)
      policy.insert(slot, info)
    }
  }

  @Test(arguments: allPolicies)
  func smallRegionsFillTheBytes(_ subject: PolicyCase) {
    var host = Host(subject.policy, bytes: 400)
    for (index, key) in RequestTrace.skewed.requests(10_000).enumerated() {
      host.request(key, byteCount: 1)
      if index % 100 == 0 { host.policy._checkInvariants() }
    }
    // Four times as many as the capacity told of.
    #expect(host.slots.count == 400)
    #expect(Set(host.policy.evictionOrder()) == Set(host.slots.values))
  }

  @Test(arguments: allPolicies)
  func aLargeRegionTakesTheRoomOfSeveral(_ subject: PolicyCase) {
    var host = Host(subject.policy, bytes: 400)
    for (index, key) in RequestTrace.scanmix.requests(10_000).enumerated() {
      host.request(key, byteCount: key % 4 + 1)
      #expect(host.used <= 400)
      #expect(host.slots[key] != nil, "what was asked for is loaded")
      if index % 100 == 0 { host.policy._checkInvariants() }
    }
    #expect(host.used > 396)
    #expect(Set(host.policy.evictionOrder()) == Set(host.slots.values))
  }

  /// Sizes are not weighed: the same regions go whatever each of them takes.
  @Test(arguments: allPolicies)
  func theOrderDoesNotDependOnSizes(_ subject: PolicyCase) {
    func order(_ byteCount: (Int) -> Int) -> [RegionSlot] {
      var policy = subject.policy
      policy.setCapacity(PolicyCapacity(regions: 50))
      for index in 0..<50 {
        let key = RegionKey(file: 1, window: index)
        let info = RegionInfo(key: key, byteCount: byteCount(index), reloadCost: 1)
        policy.miss(key)
        policy.insert(RegionSlot(index), info)
      }
      return policy.evictionOrder()
    }
    #expect(order { _ in 1 } == order { $0 * 1000 + 1 })
  }
}
