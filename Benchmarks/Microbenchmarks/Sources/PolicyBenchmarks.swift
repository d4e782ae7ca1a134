import Benchmark
import SlidingMap

/// Policies alone, without a manager: a hit, and a miss with eviction, with 30,000 regions.
enum PolicyBenchmarks {
  private static let policies: [any EvictionPolicy] = [
    .lru, .lfu, .lfuda, .clock, .clock2Bit, .sieve, .s3fifo, .twoQ, .arc, .tinyLFU, .fifo, .random,
  ]

  static func register() {
    for policy in policies {
      // Some don't ask for hits.
      if policy.hits != .none {
        Comparison.register("policy.\(policy.name).hit", .mega) {
          let work = PolicyWork(policy)
          return Comparison(ours: work.hits, plain: work.counting(1_000_000))
        }
      }
      Comparison.register("policy.\(policy.name).miss") {
        let work = PolicyWork(policy)
        return Comparison(ours: work.misses, plain: work.counting(PolicyWork.missCount))
      }
    }
  }
}
