import MapProtocols
import MapTestSupport
import Policies
import Testing

/// A simulation makes of a trace what a manager's calls would.
struct SimulationTests {
  @Test(arguments: GoldenTests.rows.filter { $0.trace == .scanmix })
  func missesAreThePublishedOnes(_ row: GoldenTests.Row) {
    let regions = numbered(row.trace.requests())
    for (capacity, misses) in zip(GoldenTests.capacities, row.misses) {
      var simulation = PolicySimulation(row.policy, capacity: capacity)
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
    var simulation = PolicySimulation(subject.policy, capacity: 300)
    for (key, region) in zip(requests, regions) {
      let wasThere = simulation.request(Int(region), RegionKey(file: 1, window: key))
      #expect(wasThere == (host.request(key) == .hit))
    }
    #expect(simulation.misses == host.misses)
  }

  @Test(arguments: allPolicies)
  func adoptsTheLastThatFit(_ subject: PolicyCase) {
    var simulation = PolicySimulation(subject.policy, capacity: 5)
    simulation.adopt((0..<8).map { (region: $0, key: RegionKey(file: 1, window: $0)) })
    #expect(simulation.requests == 0)
    for region in 3..<8 {
      simulation.request(region, RegionKey(file: 1, window: region))
    }
    #expect(simulation.requests == 5 && simulation.misses == 0)
    simulation.request(0, RegionKey(file: 1, window: 0))
    #expect(simulation.misses == 1)
  }

  @Test func goesOnFromTheOrderAdopted() {
    var simulation = PolicySimulation(.lru, capacity: 3)
    simulation.adopt([2, 0, 1].map { (region: $0, key: RegionKey(file: 1, window: $0)) })
    simulation.play([3, 2, 1].span)
    #expect(simulation.misses == 2)
  }

  /// Marks, too, which lie in an object.
  @Test(arguments: allPolicies)
  func isAValue(_ subject: PolicyCase) {
    let regions = numbered(RequestTrace.skewed.requests(20_000))
    var simulation = PolicySimulation(subject.policy, capacity: 300)
    simulation.play(regions.span.extracting(first: 10_000))
    var copies = [simulation, simulation]
    for index in copies.indices {
      copies[index].play(regions.span.extracting(droppingFirst: 10_000))
    }
    simulation.play(regions.span.extracting(droppingFirst: 10_000))
    #expect(copies.allSatisfy { $0.misses == simulation.misses })
  }

  @Test func roomWithoutEndTakesNoMemory() {
    var simulation = PolicySimulation(.clock, capacity: .max)
    let regions = Array<Int32>(0..<1000)
    for _ in 0..<3 { simulation.play(regions.span) }
    #expect(simulation.misses == 1000)
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
