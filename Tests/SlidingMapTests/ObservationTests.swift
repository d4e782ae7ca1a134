import MapTestSupport
import MapTesting
import SlidingMap
import Testing

/// Shadow policies miss what they would have missed in force.
struct ObservationTests {
  static let capacity = 200

  private func manager(
    _ policy: any EvictionPolicy = .clock, capacity: Int = capacity
  ) -> SlidingWindowMapManager {
    SlidingWindowMapManager(
      policy: policy, budget: .fixed(regions: capacity), windowSize: 4096)
  }

  private func play(
    _ requests: some Sequence<Int>, _ maps: MapManager, _ path: FilePath
  ) throws {
    var cursor = try maps.cursor(for: path)
    for window in requests {
      try cursor.use(at: Int64(window) * 4096, count: 1)
      cursor.release()
    }
  }

  /// Whatever is in force, and whatever it learns of hits.
  @Test(arguments: everyPolicy.indices)
  func ofAllWindowsEachMissesWhatItWouldAlone(_ inForce: Int) throws {
    let scratch = try Scratch()
    let requests = RequestTrace.phases.requests(4000)
    let path = try scratch.resize("sparse", to: Int64(requests.max()! + 1) * 4096)
    let maps = manager(everyPolicy[inForce])
    let observation = try maps.observe(policies: everyPolicy, sampling: 1)
    let before = observation.report
    #expect(before.missRatio == nil && before.best == nil)
    #expect(before.policies.allSatisfy { $0.missRatio == nil })
    try play(requests, maps, path)
    let report = observation.report
    #expect(report.best?.sampledMisses == report.policies.map(\.sampledMisses).min())
    #expect(report.accesses == 4000 && report.sampledAccesses == 4000 && report.sampling == 1)
    #expect(report.misses == maps.statistics.counts.misses)
    #expect(report.sampledRegions == Set(requests).count)
    let file = try scratch.fingerprint(of: path)
    for (policy, result) in zip(everyPolicy, report.policies) {
      var host = PolicyHost(policy, capacity: Self.capacity, file: file)
      for window in requests { host.request(window) }
      #expect(result.name == policy.name && result.sampledMisses == host.misses)
      #expect(abs(result.missRatio! - Double(host.misses) / 4000) < 1e-9)
    }
    #expect(abs(report.policies[inForce].missRatio! - report.missRatio!) < 1e-9)
    #expect(report.sampledMisses == report.misses)
  }

  @Test(arguments: everyPolicy.indices)
  func observationChangesNoVictim(_ policy: Int) throws {
    let scratch = try Scratch()
    let requests = RequestTrace.scanmix.requests(3000)
    let path = try scratch.resize("sparse", to: Int64(requests.max()! + 1) * 4096)
    let (alone, observed) = (manager(everyPolicy[policy]), manager(everyPolicy[policy]))
    try play(requests, alone, path)
    try play(requests.prefix(1000), observed, path)
    let observation = try observed.observe(policies: .lru, .s3fifo, sampling: 0.5)
    try play(requests.dropFirst(1000).prefix(1000), observed, path)
    observation.stop()
    let report = observation.report
    #expect(report.accesses == 1000)
    try play(requests.dropFirst(2000), observed, path)
    #expect(observed.statistics.counts.misses == alone.statistics.counts.misses)
    #expect(observation.report == report, "nothing is observed after the end")
  }

  @Test func beginsWithWhatIsLoadedInItsOrder() throws {
    let scratch = try Scratch()
    let path = try scratch.resize("sparse", to: 1000 * 4096)
    let maps = manager(.lru)
    try play(0..<200, maps, path)
    try play(0..<100, maps, path)
    let observation = try maps.observe(policies: .lru, .fifo, .sieve, sampling: 1)
    try play(200..<300, maps, path)
    try play(0..<100, maps, path)
    #expect(observation.report.accesses == 200 && observation.report.misses == 100)
    #expect(observation.report.policies.map(\.sampledMisses) == [100, 100, 100])
  }

  /// A tenth of the windows, and of the budget: the estimate is near.
  @Test(arguments: [RequestTrace.uniform, .skewed, .scanmix])
  func aSampleStandsForAll(_ trace: RequestTrace) throws {
    let scratch = try Scratch()
    let requests = trace.requests(30_000)
    let path = try scratch.resize("sparse", to: Int64(requests.max()! + 1) * 4096)
    let maps = manager(.lru, capacity: 1000)
    let observation = try maps.observe(policies: .lru, .clock, .fifo, sampling: 0.1)
    try play(requests, maps, path)
    let report = observation.report
    #expect(abs(report.policies[0].missRatio! - report.missRatio!) < 1e-9, "the one in force")
    for (policy, result) in zip([.lru, .clock, .fifo] as [any EvictionPolicy], report.policies) {
      var host = PolicyHost(policy, capacity: 1000)
      for window in requests { host.request(window) }
      #expect(abs(result.missRatio! - Double(host.misses) / 30_000) < 0.05)
    }
    #expect((1000...6000).contains(report.sampledAccesses))
  }

  @Test func shadowsFollowTheBudget() throws {
    struct Changing: Budget {
      let regions: Locked<Int>
      func limits(holding: BudgetUsage) -> BudgetLimits {
        BudgetLimits(regions: regions.withLock { $0 })
      }
    }
    let scratch = try Scratch()
    let path = try scratch.resize("sparse", to: 3000 * 4096)
    let regions = Locked(1000)
    let maps = SlidingWindowMapManager(
      policy: .fifo, budget: Changing(regions: regions), windowSize: 4096)
    let observation = try maps.observe(policies: .lru, sampling: 1)
    try play(0..<1000, maps, path)
    regions.withLock { $0 = 100 }
    // The budget is asked again after 1,024 loads.
    try play(1000..<1100, maps, path)
    #expect(maps.statistics.usage.regions == 100)
    let before = observation.report.policies[0].sampledMisses
    try play(500..<800, maps, path)
    #expect(observation.report.policies[0].sampledMisses - before == 300)
  }

  @Test func whatThereAreNoNumbersForIsLeftOut() throws {
    let scratch = try Scratch()
    let path = try scratch.resize("sparse", to: 100 * 4096)
    let maps = manager(.lru)
    let observation = try maps.observe(policies: [.lru, .fifo], sampling: 1, mostRegions: 10)
    try play(0..<10, maps, path)
    try play(0..<5, maps, path)
    #expect(observation.report.accesses == 15 && !observation.report.isExhausted)
    try play(0..<20, maps, path)
    let report = observation.report
    #expect(report.isExhausted && report.sampledRegions == 10)
    #expect(report.accesses == 25 && report.misses == 10)
    #expect(report.policies.allSatisfy { $0.sampledMisses == 10 && $0.missRatio == 0.4 })
  }

  @Test func withoutASharePicksOne() throws {
    let few = try manager(capacity: 100).observe(policies: .lru)
    #expect(few.report.sampling == 1)
    let many = try manager(capacity: 50_000).observe(policies: .lru)
    #expect(many.report.sampling == 0.01)
    let unlimited = try SlidingWindowMapManager(budget: .unlimited).observe(policies: .lru)
    #expect(unlimited.report.sampling > 0)
    // Of whole files nothing is known before the first.
    let files = ["/file": content(4096)] as [FilePath: [UInt8]]
    let whole = StaticWindowMapManager(
      backend: MemoryProvider(files), budget: .fixed(bytes: 50_000 * 4096))
    let early = try whole.observe(policies: .lru)
    #expect(early.report.sampling == 1)
    var cursor = try whole.cursor(for: "/file")
    try cursor.use(at: 0)
    let late = try whole.observe(policies: .lru)
    #expect(late.report.sampling == 0.01)
  }

  @Test func aManagerShutDownIsNotObserved() throws {
    let maps = manager()
    let observation = try maps.observe(policies: .lru, sampling: 1)
    maps.shutdown()
    #expect(observation.report.accesses == 0)
    #expect(mapError { _ = try maps.observe(policies: .lru) }?.code == .shutdown)
  }

  /// Who reads an old generation of a file, and who a new one, may have a window each of the same name.
  @Test func aFileMayBeThereTwice() throws {
    let path = FilePath("/memory/file")
    let provider = MemoryProvider([path: content(10 * 4096)])
    let maps = SlidingWindowMapManager(
      backend: provider, budget: .fixed(regions: 4), windowSize: 4096)
    var old = try maps.cursor(for: path)
    try old.use(at: 0, count: 2 * 4096)
    provider[path] = content(10 * 4096, seed: 2)
    var new = try maps.cursor(for: path)
    try new.use(at: 0, count: 1)
    #expect(maps.statistics.usage.regions == 3)
    let observation = try maps.observe(policies: everyPolicy, sampling: 1)
    for window in 0..<9 { try new.use(at: Int64(window) * 4096, count: 1) }
    #expect(observation.report.sampledRegions == 9)
  }

  @Test func anyCapacityHasAShare() throws {
    for bytes in [1, 4096, .max - 1, .max] {
      let maps = SlidingWindowMapManager(budget: .fixed(bytes: bytes), windowSize: 4096)
      for sampling in [Double.leastNonzeroMagnitude, 1e-12, 0.3, 1] {
        let report = try maps.observe(policies: .lru, sampling: sampling).report
        #expect(report.sampling > 0 && report.accesses == 0)
      }
    }
  }

  /// Several at once, while threads read and the policy changes.
  @Test func threadsAreObservedTogether() throws {
    let scratch = try Scratch()
    let path = try scratch.write("file", content(400 * 4096, seed: 1))
    let maps = manager(.lru)
    let observation = try maps.observe(policies: .lru, .tinyLFU, .arc, sampling: 1)
    try onThreads(4) { thread in
      var dice = Dice(seed: UInt64(thread))
      var cursor = try maps.cursor(for: path)
      for step in 0..<5000 {
        try cursor.use(at: Int64(dice.draw(400) * 4096), count: 1)
        cursor.release()
        let policy = everyPolicy[step / 500]
        if thread == 0, step % 500 == 0 { maps.setPolicy(policy) }
        if thread == 1, step % 1000 == 0 {
          let brief = try maps.observe(policies: .clock, sampling: 0.5)
          #expect(brief.report.policies.count == 1)
        }
      }
    }
    let statistics = maps.statistics
    #expect(statistics.counts.hits + statistics.counts.misses == 20_000)
    #expect(observation.report.misses == statistics.counts.misses)
    let seen = observation.report.accesses
    #expect(seen <= 20_000 && seen >= 15_000)
    // Half of 400 windows fit, whatever the order.
    #expect(observation.report.policies.allSatisfy { (0.3...0.7).contains($0.missRatio!) })
  }
}
