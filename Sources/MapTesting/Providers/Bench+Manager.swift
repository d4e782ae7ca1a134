internal import Dispatch
internal import MapProtocols
internal import Policies
internal import SlidingMap
internal import Synchronization

/// What is promised of a backend under a manager.
extension Bench {
  func servesAManager() throws {
    // Less than the files have, and more than threads hold.
    let maps = manager(provider, .fixed(bytes: 40 * SystemPage.size))
    defer { maps.shutdown() }
    let threads = try (0..<3).map { index in
      try ServiceThread { [self] in
        var reader = makeReader(maps, UInt64(index))
        reader.read(3_000)
      }
    }
    try readsForTasks(maps)
    for _ in 0..<10 {
      maps.collect()
      checks.step()
    }
    for thread in threads { thread.join() }
    maps.collect()
    let statistics = maps.statistics
    checks.expect(
      statistics.inFlight == 0 && statistics.usage.regions == 0,
      "with nobody left \(statistics.inFlight) loads are under way, \(statistics.usage.regions) regions loaded"
    )
  }

  /// Calls fail by chance; whoever reads gets that error, or the right bytes.
  func failsWithoutATrace() throws {
    let dice = Guarded(SplitMix64(seed: seed), isScheduled: false)
    func wrap(_ provider: some RegionProvider) -> MapManager {
      let faulty = FaultProvider(provider) { call in
        dice.withLock { $0.draw(below: 12) } == 0 ? MapError(.custom("planted")) : nil
      }
      return manager(faulty, .fixed(bytes: 40 * SystemPage.size))
    }
    let maps = wrap(provider)
    defer { maps.shutdown() }
    let threads = try (0..<2).map { index in
      try ServiceThread { [self] in
        var reader = makeReader(maps, 10 + UInt64(index))
        // Of a touch that failed the file gives the reason, unless asking it fails, too.
        let expected: [MapError.Code] = [.custom("planted"), .readFailed, .fileTruncated]
        reader.expects = { expected.contains($0.code) }
        reader.read(3_000)
      }
    }
    for thread in threads { thread.join() }
    maps.collect()
    let statistics = maps.statistics
    checks.expect(
      statistics.usage.regions == 0 && statistics.usage.bytes == 0,
      "after calls that failed \(statistics.usage.regions) regions stay, \(statistics.usage.bytes) bytes"
    )
  }

  private func manager(_ provider: some RegionProvider, _ budget: some Budget) -> MapManager {
    SlidingWindowMapManager(
      backend: provider, policy: .lru, budget: budget, windowSize: SystemPage.size)
  }

  private func makeReader(_ maps: MapManager, _ seed: UInt64) -> RandomReader {
    let files = contents.sorted { $0.key < $1.key }.filter { !$0.value.isEmpty }
    return RandomReader(
      maps,
      files.map { name, content in
        RandomReader.File(source: source(name), size: Int64(content.count)) { content[Int($0)] }
      }, seed: self.seed &+ seed, checks)
  }

  /// Opens and loads for tasks, and waits for them on the calling thread.
  private func readsForTasks(_ maps: MapManager) throws {
    let executor = try ThreadExecutor()
    defer { executor.end() }
    let content = contents[Self.large]!
    let end = DispatchSemaphore(value: 0)
    let source = source(Self.large)
    for task in 0..<4 {
      let checks = checks
      Task(executorPreference: executor) {
        do throws(MapError) {
          var cursor = try await maps.open(source)
          for index in 0..<50 {
            let offset = (index * 4 + task) * 5_003
            try await cursor.ready(at: Int64(offset), count: 6_000)
            try cursor.use(at: Int64(offset), count: 6_000)
            let bytes = cursor.bytes
            let isRight = unsafe bytes.withUnsafeBytes { bytes in
              unsafe bytes.elementsEqual(content.dropFirst(offset).prefix(6_000))
            }
            checks.expect(isRight, "a task read other bytes than the file's")
            checks.step()
          }
        } catch {
          checks.note("a task's cursor failed: \(error)")
        }
        end.signal()
      }
    }
    for _ in 0..<4 { end.wait() }
  }
}
