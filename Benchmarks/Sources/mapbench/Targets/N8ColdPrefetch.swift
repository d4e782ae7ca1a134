import SlidingMap

/// N8: the reads of N7 through maps, the kernel asked for them ahead.
enum N8ColdPrefetch: Target {
  static let number = "N8"
  private static let reads = 16_384
  private static let depth = 32

  static func measure(_ bench: Workbench) throws -> [TargetResult] {
    if let obstacle = BackendName.uring.obstacle {
      bench.skip(number, "it is measured against the ring, but \(obstacle)")
      return []
    }
    let file = try bench.coldFile()
    let pairs = try bench.pairs(
      ours: {
        let maps = SlidingWindowMapManager(backend: .mmap, pattern: .random)
        defer { maps.shutdown() }
        return try N7ColdReads.readsPerSecond(maps, file, reads: reads, ahead: depth, batch: depth)
      },
      peer: {
        let maps = SlidingWindowMapManager(
          backend: try BackendName.ring(depth: depth, isDirect: false),
          windowSize: ColdFile.pageSize)
        defer { maps.shutdown() }
        return try N7ColdReads.readsPerSecond(
          maps, file, reads: reads, ahead: 4 * depth, batch: depth / 2)
      }, Pair.ratio)
    return [
      .atLeast(
        0.8, "x", name: "N8", work: "prefetch of 32 pages at random, cold, of N7's ring",
        measure: "/s", pairs)
    ]
  }
}
