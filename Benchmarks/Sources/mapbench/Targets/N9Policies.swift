import BenchmarkSupport
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
    let requests = sizes.map(requests)
    return (names + others).flatMap { measure(bench, $0, requests) }
  }

  /// Four times as many regions as fit, by Zipf's law; numbers say nothing of how often one is asked for.
  private static func requests(_ size: Size) -> [Int32] {
    var generator = SeededGenerator(seed: 9)
    let ranks = ZipfSampler(count: 4 * size.regions, exponent: 0.9)
    let regions = (0..<Int32(4 * size.regions)).shuffled(using: &generator)
    return (0..<8 * size.regions).map { _ in regions[ranks.draw(&generator)] }
  }

  private static func measure(
    _ bench: Workbench, _ policy: PolicyName, _ requests: [[Int32]]
  ) -> [TargetResult] {
    var benches = zip(sizes, requests).map {
      PolicyBench(policy.make(), requests: $1, regions: $0.regions)
    }
    var hits: [[Pair]] = sizes.map { _ in [] }
    var misses = hits
    for _ in 0..<bench.rounds {
      for (index, size) in sizes.enumerated() {
        // So many that the clock's own time is none beside them.
        let parts = (0..<max(1 << 19 / size.regions, 1)).map { _ in benches[index].round() }
        func mean(_ time: Double, _ count: Int) -> Pair { .alone(time / Double(count) * 1e9) }
        hits[index].append(
          mean(parts.map(\.hitTime).reduce(0, +), parts.map(\.hits).reduce(0, +)))
        misses[index].append(
          mean(parts.map(\.missTime).reduce(0, +), parts.map(\.misses).reduce(0, +)))
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
