internal import MapProtocols
internal import Policies
internal import SlidingMap

extension PolicyConformance {
  /// Two threads with a few cursors each, over three files of many windows; meanwhile policies are swapped.
  static func servesAManager(_ policy: any EvictionPolicy, _ seed: UInt64, _ checks: Checks) throws
  {
    let backend = PatternProvider(files: 3, size: 200 * 4096 + 100)
    let maps = manager(policy, backend)
    defer { maps.shutdown() }
    let files = (0..<3).map { file in
      RandomReader.File(source: .name("\(file)"), size: backend.size) { offset in
        PatternProvider.byte(of: file, at: offset)
      }
    }
    let threads = try (0..<2).map { index in
      try ServiceThread {
        var reader = RandomReader(maps, files, seed: seed &+ UInt64(index), checks)
        reader.read(5_000)
      }
    }
    for round in 0..<20 {
      if round % 2 == 0 { maps.setPolicy(.lru) } else { set(policy, maps) }
      checks.step()
      maps.collect()
    }
    for thread in threads { thread.join() }
    let statistics = maps.statistics
    checks.expect(
      statistics.usage.regions <= 16,
      "\(statistics.usage.regions) regions are loaded where 16 fit and none is pinned")
  }

  private static func manager(
    _ policy: some EvictionPolicy, _ backend: PatternProvider
  ) -> MapManager {
    SlidingWindowMapManager(
      backend: backend, policy: policy, budget: .fixed(regions: 16), windowSize: 4096)
  }

  private static func set(_ policy: some EvictionPolicy, _ maps: MapManager) {
    maps.setPolicy(policy)
  }
}
