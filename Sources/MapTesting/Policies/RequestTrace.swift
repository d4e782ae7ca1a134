internal import Policies

/// A synthetic sequence of requests for regions, the same everywhere: what eviction policies are compared on.
package enum RequestTrace: String, CaseIterable, Sendable {
  /// Any of 4,096 regions, each equally likely.
  case uniform
  /// 4,096 regions, those with low numbers far more often.
  case skewed
  /// 1,500 regions, round and round.
  case loop
  /// A skewed working set of 2,048, and every fourth request belongs to a scan that never comes back.
  case scanmix
  /// A skewed working set of 1,024 that moves on every 20,000 requests.
  case phases
  /// Every region twice, the second time 599 requests after the first.
  case pairs

  /// The first `count` requests.
  package func requests(_ count: Int = 200_000) -> [Int] {
    var source = SplitMix64(seed: 1)
    var requests: [Int] = []
    requests.reserveCapacity(count)
    for index in 0..<count {
      requests.append(request(index, after: requests, &source))
    }
    return requests
  }

  private func request(_ index: Int, after past: [Int], _ source: inout SplitMix64) -> Int {
    switch self {
    case .uniform: draw(4096, &source)
    case .skewed: skewed(4096, &source)
    case .loop: index % 1500
    case .scanmix: index % 4 == 3 ? 100_000 + index / 4 : skewed(2048, &source)
    case .phases: skewed(1024, &source) + 700 * (index / 20_000)
    case .pairs:
      if index % 2 == 0 {
        200_000 + index / 2
      } else {
        index >= 600 ? past[index - 600] : draw(64, &source)
      }
    }
  }

  private func draw(_ bound: Int, _ source: inout SplitMix64) -> Int {
    Int(source.next() % UInt64(bound))
  }

  private func skewed(_ bound: Int, _ source: inout SplitMix64) -> Int {
    var least = bound
    for _ in 0..<4 { least = min(least, draw(bound, &source)) }
    return least
  }
}
