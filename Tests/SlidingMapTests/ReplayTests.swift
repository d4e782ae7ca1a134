import MapTestSupport
import SlidingMap
import Testing

/// In one thread a manager's victims are exactly those of the policy's definition.
struct ReplayTests {
  static let capacity = 512
  static let small = 100

  /// The counts that the policies alone are held to, over all 200,000 requests of a trace with few misses.
  @Test(arguments: [
    ("lru", 26_474), ("clock", 25_350),
  ])
  func missesAreThePublishedOnes(_ name: String, _ misses: Int) throws {
    let policy = try #require(everyPolicy.first { $0.name == name })
    let statistics = try replay(
      policy, RequestTrace.phases.requests(), Self.capacity, releasing: true)
    #expect(statistics.misses == misses && statistics.hits == 200_000 - misses)
    #expect(statistics.regions == Self.capacity && statistics.overshoots == 0)
    #expect(statistics.droppedHits == 0)
  }

  /// The least host that the policies are checked in is the measure for all other traces.
  @Test(arguments: everyPolicy.indices, RequestTrace.allCases)
  func missesAreThoseOfThePolicyAlone(_ policy: Int, _ trace: RequestTrace) throws {
    let policy = everyPolicy[policy]
    let requests = trace.requests(2000)
    let scratch = try Scratch()
    let statistics = try replay(policy, requests, Self.small, releasing: true, scratch)
    // What hashes keys decides otherwise in another file.
    let file = try scratch.fingerprint(of: scratch["sparse"])
    var host = PolicyHost(policy, capacity: Self.small, file: file)
    for key in requests { host.request(key) }
    #expect(statistics.misses == host.misses, "\(policy.name), \(trace)")
  }

  /// A lease that passes from window to window forbids no victim: the old one ends before the new one is chosen.
  @Test(arguments: ["lru", "fifo"])
  func aMovingLeaseChangesNothing(_ name: String) throws {
    let policy = try #require(everyPolicy.first { $0.name == name })
    let requests = RequestTrace.scanmix.requests(10_000)
    var host = PolicyHost(policy, capacity: Self.small)
    for key in requests { host.request(key) }
    #expect(try replay(policy, requests, Self.small, releasing: false).misses == host.misses)
  }

  private func replay(
    _ policy: any EvictionPolicy, _ requests: [Int], _ capacity: Int, releasing: Bool,
    _ scratch: Scratch? = nil
  ) throws -> MapStatistics {
    let scratch = try scratch ?? Scratch()
    let maps = SlidingWindowMapManager(
      policy: policy, budget: .fixed(regions: capacity), windowSize: 4096)
    let path = try scratch.resize("sparse", to: Int64(requests.max()! + 1) * 4096)
    var cursor = try maps.cursor(for: path)
    for key in requests {
      try cursor.use(at: Int64(key) * 4096, count: 1)
      // The same window twice in a row is two accesses only if the lease ended.
      if releasing { cursor.release() }
    }
    return maps.statistics
  }
}
