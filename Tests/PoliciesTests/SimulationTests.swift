import MapProtocols
import MapTestSupport
import MapTesting
import Policies
import Testing

/// A simulation makes of a trace what a manager's calls would.
struct SimulationTests {
  @Test(arguments: GoldenMisses.all.filter { $0.trace == .scanmix })
  func missesAreThePublishedOnes(_ row: GoldenMisses) {
    let regions = numbered(row.trace.requests())
    for (capacity, misses) in zip(GoldenMisses.capacities, row.misses) {
      var simulation = PolicySimulation(row.policy, capacity: PolicyCapacity(regions: capacity))
      // In pieces, between which hits wait to be told.
      let half = regions.span.extracting(first: 100_001)
      let before = simulation.play(half)
      #expect(before == simulation.misses)
      simulation.play(regions.span.extracting(droppingFirst: 100_001))
      #expect(simulation.misses == misses && simulation.requests == regions.count)
    }
  }

  @Test(arguments: allPolicies)
  func agreesWithAHost(_ subject: PolicyCase) {
    let requests = RequestTrace.phases.requests(20_000)
    let regions = numbered(requests)
    var host = PolicyHost(subject.policy, capacity: 300, batch: 4096)
    var simulation = PolicySimulation(subject.policy, capacity: PolicyCapacity(regions: 300))
    for (key, region) in zip(requests, regions) {
      let wasThere = simulation.request(Int(region), info: info(key))
      #expect(wasThere == (host.request(key) == .hit))
    }
    #expect(simulation.misses == host.misses)
  }

  @Test(arguments: allPolicies)
  func adoptsTheLastThatFit(_ subject: PolicyCase) {
    var simulation = PolicySimulation(subject.policy, capacity: PolicyCapacity(regions: 5))
    simulation.adopt((0..<8).map { (region: $0, info: info($0)) })
    #expect(simulation.requests == 0)
    for region in 3..<8 {
      simulation.request(region, info: info(region))
    }
    #expect(simulation.requests == 5 && simulation.misses == 0)
    simulation.request(0, info: info(0))
    #expect(simulation.misses == 1)
  }

  @Test func goesOnFromTheOrderAdopted() {
    var simulation = PolicySimulation(.lru, capacity: PolicyCapacity(regions: 3))
    simulation.adopt([2, 0, 1].map { (region: $0, info: info($0)) })
    simulation.play([3, 2, 1].span)
    #expect(simulation.misses == 2)
  }

  /// Marks, too, which lie in an object.
  @Test(arguments: allPolicies)
  func isAValue(_ subject: PolicyCase) {
    let regions = numbered(RequestTrace.skewed.requests(20_000))
    var simulation = PolicySimulation(subject.policy, capacity: PolicyCapacity(regions: 300))
    simulation.play(regions.span.extracting(first: 10_000))
    var copies = [simulation, simulation]
    for index in copies.indices {
      copies[index].play(regions.span.extracting(droppingFirst: 10_000))
    }
    simulation.play(regions.span.extracting(droppingFirst: 10_000))
    #expect(copies.allSatisfy { $0.misses == simulation.misses })
  }

  @Test func roomWithoutEndTakesNoMemory() {
    var simulation = PolicySimulation(.clock, capacity: PolicyCapacity(regions: .max))
    let regions = Array<Int32>(0..<1000)
    for _ in 0..<3 { simulation.play(regions.span) }
    #expect(simulation.misses == 1000)
  }

  @Test(arguments: allPolicies)
  func bytesLimitAsRegionsDo(_ subject: PolicyCase) {
    var simulation = PolicySimulation(
      subject.policy, capacity: PolicyCapacity(regions: 100, bytes: 100))
    for region in 0..<10 { simulation.request(region, info: info(region, byteCount: 10)) }
    for region in 0..<10 { simulation.request(region, info: info(region, byteCount: 10)) }
    #expect(simulation.misses == 10)
    // Takes the room of all others, and more than there is.
    simulation.request(10, info: info(10, byteCount: 1000))
    for region in 0..<10 { simulation.request(region, info: info(region, byteCount: 10)) }
    #expect(simulation.misses == 21)
  }

  @Test(arguments: allPolicies)
  func lessRoomHoldsLess(_ subject: PolicyCase) {
    var simulation = PolicySimulation(subject.policy, capacity: PolicyCapacity(regions: 100))
    for region in 0..<100 { simulation.request(region, info: info(region)) }
    simulation.setCapacity(PolicyCapacity(regions: 10))
    var present = 0
    // Of a copy each, so that no question changes the next answer.
    for region in 0..<100 {
      var copy = simulation
      if copy.request(region, info: info(region)) { present += 1 }
    }
    #expect(present == 10)
    simulation.setCapacity(PolicyCapacity(regions: 100))
    for _ in 0..<2 { for region in 0..<100 { simulation.request(region, info: info(region)) } }
    #expect(simulation.misses == 190)
  }

  @Test(arguments: allPolicies, allPolicies)
  func aSuccessorGoesOnLikeInAHost(_ first: PolicyCase, _ second: PolicyCase) {
    let requests = RequestTrace.skewed.requests(3000)
    let regions = numbered(requests)
    var host = PolicyHost(first.policy, capacity: 100)
    var simulation = PolicySimulation(first.policy, capacity: PolicyCapacity(regions: 100))
    for (index, (key, region)) in zip(requests, regions).enumerated() {
      if index == 2000 {
        host.setPolicy(second.policy)
        let policy = second.policy
        simulation.setPolicy(policy)
      }
      host.request(key)
      simulation.request(Int(region), info: info(key))
    }
    #expect(simulation.misses == host.misses)
  }

  private func info(_ window: Int, byteCount: Int = 1) -> RegionInfo {
    RegionInfo(key: RegionKey(file: 1, window: window), byteCount: byteCount, reloadCost: 1)
  }

  /// Numbers in the order of first appearance.
  private func numbered(_ keys: [Int]) -> [Int32] {
    var numbers: [Int: Int32] = [:]
    return keys.map { key in
      let number = numbers[key] ?? Int32(numbers.count)
      numbers[key] = number
      return number
    }
  }
}
