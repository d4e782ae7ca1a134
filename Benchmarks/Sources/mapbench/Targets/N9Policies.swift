import SlidingMap

/// N9: what a policy takes alone, without a manager, while 21% of the regions are pinned.
enum N9Policies: Target {
  static let number = "N9"
  /// Those that the targets bind; the others' figures are for comparison.
  private static let bound: Set<PolicyName> = [.lru, .clock, .s3fifo]

  private struct Size {
    let regions: Int
    let name: String
    let hitTarget: Double
    let missTarget: Double
  }

  private static let sizes = [
    Size(regions: 30_000, name: "30k", hitTarget: 10, missTarget: 60),
    Size(regions: 1_000_000, name: "1M", hitTarget: 40, missTarget: 240),
  ]

  static func measure(_ bench: Workbench) throws -> [TargetResult] {
    let names = PolicyName.allCases.filter(bound.contains)
    let others = PolicyName.allCases.filter { !bound.contains($0) }
    return (names + others).flatMap { measure(bench, $0) }
  }

  private static func measure(_ bench: Workbench, _ policy: PolicyName) -> [TargetResult] {
    var benches = sizes.map { PolicyBench(policy.make(), regions: $0.regions) }
    var hits: [[Pair]] = sizes.map { _ in [] }
    var misses = hits
    for _ in 0..<bench.rounds {
      for (index, size) in sizes.enumerated() {
        // So many that the clock's own time is none beside them.
        let times = (0..<max(1 << 19 / size.regions, 1)).map { _ in benches[index].round() }
        hits[index].append(.alone(times.map(\.hit).reduce(0, +) / Double(times.count)))
        misses[index].append(.alone(times.map(\.miss).reduce(0, +) / Double(times.count)))
      }
    }
    let isBound = bound.contains(policy)
    return sizes.indices.flatMap { index in
      let size = sizes[index]
      let steps = Double(benches[index].victims) / Double(benches[index].evictions)
      func result(
        _ part: String, _ work: String, _ target: Double, _ pairs: [Pair], note: String? = nil
      ) -> TargetResult {
        let name = "N9 \(policy.rawValue) \(size.name) \(part)"
        let work = "\(work), \(grouped(size.regions)) regions"
        return isBound
          ? .atMost(target, "ns", name: name, work: work, measure: "ns", pairs, note: note)
          : .unbound("ns", name: name, work: work, measure: "ns", pairs, note: note)
      }
      return [
        result("hit", "policy alone, a hit", size.hitTarget, hits[index]),
        result(
          "miss", "policy alone, a miss with eviction", size.missTarget, misses[index],
          note: "\(fixed(steps, 2)) victims asked for each eviction"),
      ]
    }
  }
}
