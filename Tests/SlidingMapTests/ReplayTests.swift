import MapTestSupport
import MapTesting
import SlidingMap
import Testing

/// In one thread a manager's victims are exactly those of the policy's definition.
struct ReplayTests {
  static let small = 100

  /// A name that is no backend's must not pass for having replayed everything.
  private static let complete = GoldenMisses.completeBackend.map { BackendKind(rawValue: $0)! }

  /// Each row over the backend that is asked for, or else one for each policy, and these in turns over all backends.
  static let golden = GoldenMisses.all.enumerated().flatMap { index, row in
    let turn = row.trace == .skewed ? index / RequestTrace.allCases.count % 5 : nil
    return BackendKind.allCases.enumerated().filter { number, backend in
      complete.map { $0 == backend } ?? (number == turn)
    }.map { (row, $1) }
  }
  /// Where `skewed` has few misses, and no two policies the same.
  static let capacities = complete == nil ? [2048] : GoldenMisses.capacities

  /// A manager over any backend is held to the counts that the policies alone are held to. One after the other, since two
  /// at once get in each other's way in the process's one address space and take twice the time of each.
  @Test(.serialized, arguments: golden)
  func missesAreThePublishedOnes(_ golden: GoldenMisses, _ backend: BackendKind) throws {
    let requests = golden.trace.requests()
    for (capacity, misses) in zip(GoldenMisses.capacities, golden.misses)
    where Self.capacities.contains(capacity) {
      let statistics = try replay(golden.policy, requests, capacity, backend, releasing: true)
      #expect(statistics.counts.misses == misses, "\(capacity) regions")
      #expect(statistics.counts.hits == requests.count - misses)
      #expect(statistics.counts.overshoots == 0 && statistics.counts.droppedHits == 0)
      #expect(statistics.usage.regions == min(capacity, misses))
    }
  }

  /// The least host that the policies are checked in is the measure for the beginning of every trace.
  @Test(arguments: everyPolicy.indices, RequestTrace.allCases)
  func missesAreThoseOfThePolicyAlone(_ policy: Int, _ trace: RequestTrace) throws {
    let backend = BackendKind.allCases[policy % BackendKind.allCases.count]
    let policy = everyPolicy[policy]
    let requests = trace.requests(3000)
    for capacity in [Self.small, 512] {
      let scratch = try Scratch()
      let statistics = try replay(policy, requests, capacity, backend, releasing: true, scratch)
      // What hashes keys decides otherwise in another file.
      let file = try scratch.fingerprint(of: scratch["sparse"])
      var host = PolicyHost(policy, capacity: capacity, file: file)
      for key in requests { host.request(key) }
      #expect(
        statistics.counts.misses == host.misses, "\(policy.name), \(trace), \(capacity) regions")
    }
  }

  /// What is emptied ahead of its turn stays loaded in the policy's eyes.
  @Test(arguments: everyPolicy.indices, RequestTrace.allCases)
  func missesAreTheSameWhereWindowsAreEmptiedAhead(_ policy: Int, _ trace: RequestTrace) throws {
    let policy = everyPolicy[policy]
    let requests = trace.requests(3000)
    for capacity in [Self.small, 512] {
      let scratch = try Scratch()
      let statistics = try replay(
        policy, requests, capacity, releasing: true, scratch, windowSize: 1 << 20)
      let file = try scratch.fingerprint(of: scratch["sparse"])
      var host = PolicyHost(policy, capacity: capacity, file: file)
      for key in requests { host.request(key) }
      #expect(
        statistics.counts.misses == host.misses, "\(policy.name), \(trace), \(capacity) regions")
    }
  }

  /// A lease that passes from window to window forbids no victim: the old one ends before the new one is chosen.
  @Test(arguments: ["lru", "fifo"])
  func aMovingLeaseChangesNothing(_ name: String) throws {
    let policy = try #require(everyPolicy.first { $0.name == name })
    let requests = RequestTrace.scanmix.requests(10_000)
    var host = PolicyHost(policy, capacity: Self.small)
    for key in requests { host.request(key) }
    #expect(try replay(policy, requests, Self.small, releasing: false).counts.misses == host.misses)
  }

  private func replay(
    _ policy: any EvictionPolicy, _ requests: [Int], _ capacity: Int,
    _ backend: BackendKind = .mmap, releasing: Bool, _ scratch: Scratch? = nil,
    windowSize: Int = 4096
  ) throws -> MapStatistics {
    let scratch = try scratch ?? Scratch()
    let maps = SlidingWindowMapManager(
      backend: try backend.make(), policy: policy, budget: .fixed(regions: capacity),
      windowSize: windowSize)
    let size = Int64(windowSize)
    let path = try scratch.resize("sparse", to: Int64(requests.max()! + 1) * size)
    var cursor = try maps.cursor(for: path)
    for key in requests {
      try cursor.use(at: Int64(key) * size, count: 1)
      // The same window twice in a row is two accesses only if the lease ended.
      if releasing { cursor.release() }
    }
    return maps.statistics
  }
}
