import MapTestSupport
import MapTesting
import SlidingMap
import SystemPackage
import Testing

/// mmap with the ring behind it, as programs get it by default.
@Suite struct AutomaticTests {
  @Test(arguments: ProviderConformance.Promise.allCases)
  func automatic(_ promise: ProviderConformance.Promise) async throws {
    try await ProviderConformance.checkSystemFiles(promises: [promise]) { .automatic }
  }

  @Test func `The default backend has a takeover, and says which`() throws {
    let maps = SlidingWindowMapManager()
    let statistics = maps.statistics
    #expect(statistics.backend == "mmap")
    #expect(["io_uring", "pread"].contains(statistics.takeoverBackend))
    #expect(SlidingWindowMapManager(backend: .mmap).statistics.takeoverBackend == nil)
  }

  @Test(arguments: BackendKind.allCases)
  func `Tasks read what they awaited, whatever the backend`(_ kind: BackendKind) async throws {
    let scratch = try Scratch()
    let model = content(1 << 20)
    let path = try scratch.write("file", model)
    let maps = SlidingWindowMapManager(
      backend: try kind.make(), budget: .fixed(bytes: 1 << 18), windowSize: 4096)
    try maps.prefetch(path, ranges: [0..<10_000, 500_000..<600_000])
    let wrong = try await withThrowingTaskGroup(of: Int.self) { group in
      for seed in 0..<20 {
        group.addTask {
          var dice = Dice(seed: UInt64(seed))
          var cursor = try maps.cursor(for: path)
          var wrong = 0
          for _ in 0..<100 {
            let offset = dice.draw(model.count)
            try await cursor.ready(at: Int64(offset), count: 5000)
            try cursor.use(at: Int64(offset), count: 5000)
            if !shows(cursor.bytes, model, at: offset) { wrong += 1 }
          }
          return wrong
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(wrong == 0)
    var seen: [UInt8] = []
    for try await window in maps.windows(of: path, readAhead: 3) {
      seen += window.withBytes { array($0) }
    }
    #expect(seen == model)
    while maps.statistics.inFlight > 0 { await Task.yield() }
    let statistics = maps.statistics
    #expect(statistics.pinned == 0)
    // A soft budget gives way where all is in use or on its way.
    #expect(statistics.peak.bytes <= 1 << 18 || statistics.counts.overshoots > 0)
    maps.shutdown()
    #expect(scratch.descriptors == 0 && scratch.maps == 0)
  }

  /// Readers that come and are cancelled, and threads among them, leave nothing.
  @Test(arguments: [BackendKind.uring, .direct, .pread])
  func `Cancelled readers leave nothing behind`(_ kind: BackendKind) async throws {
    let scratch = try Scratch()
    let model = content(1 << 21)
    let path = try scratch.write("file", model)
    do {
      let maps = SlidingWindowMapManager(
        backend: try kind.make(), budget: .fixed(bytes: 1 << 20), windowSize: 4096)
      let tasks = (0..<200).map { seed in
        Task { () -> MapError.Code? in
          do {
            var dice = Dice(seed: UInt64(seed))
            let cursor = try maps.cursor(for: path)
            while true {
              try await cursor.ready(at: Int64(dice.draw(model.count)), count: 9000)
            }
          } catch { return (error as? MapError)?.code }
        }
      }
      try onThreads(2) { thread in
        var dice = Dice(seed: UInt64(1000 + thread))
        var cursor = try maps.cursor(for: path)
        for _ in 0..<3000 {
          let offset = dice.draw(model.count)
          let isRight = try cursor.withBytes(at: Int64(offset), count: 100) {
            shows($0, model, at: offset)
          }
          #expect(isRight)
        }
      }
      for task in tasks { task.cancel() }
      for task in tasks {
        let code = await task.value
        // Where all is pinned by loads under way, a hard budget may have no room for one more.
        #expect(code == .cancelled || code == .budgetExhausted)
      }
      while maps.statistics.inFlight > 0 { await Task.yield() }
      let statistics = maps.statistics
      #expect(statistics.pinned == 0 && statistics.cursors == 0)
    }
    #expect(scratch.descriptors == 0 && scratch.maps == 0)
  }
}
