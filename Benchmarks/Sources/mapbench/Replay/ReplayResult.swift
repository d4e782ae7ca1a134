import Traces

/// What a policy made of a trace.
struct ReplayResult: Encodable {
  let trace: String
  let capacity: Int
  let policy: String
  let requests: Int
  let misses: Int
  let missRatio: Double
  /// Misses as a multiple of the fewest there can be.
  let ofOptimum: Double
  /// Null for the optimum.
  let requestsPerSecond: Double?

  init(
    _ trace: Trace, _ capacity: Int, _ policy: String, misses: Int, _ optimum: Int,
    seconds: Double?
  ) {
    self.trace = trace.name
    self.capacity = capacity
    self.policy = policy
    requests = trace.requests.count
    self.misses = misses
    missRatio = Double(misses) / Double(requests)
    ofOptimum = Double(misses) / Double(optimum)
    requestsPerSecond = seconds.map { Double(trace.requests.count) / $0 }
  }

  /// A group for each trace and capacity, the fewest misses first.
  static func table(_ results: [ReplayResult]) -> String {
    var table = TextTable(
      ["policy", "misses", "miss ratio", "of optimum", "Mrequests/s"], leftAligned: 1)
    var heading = ""
    for group in grouping(results) {
      guard let first = group.first else { continue }
      let next =
        "\(first.trace): \(grouped(first.requests)) requests, \(grouped(first.capacity)) regions"
      if next != heading { table.heading(next) }
      heading = next
      for result in group.sorted(by: { $0.misses < $1.misses }) {
        table.add([
          result.policy, grouped(result.misses), "\(fixed(result.missRatio * 100, 2))%",
          "\(fixed(result.ofOptimum, 2))x",
          result.requestsPerSecond.map { fixed($0 / 1e6, 1) } ?? "-",
        ])
      }
    }
    return table.render()
  }

  private static func grouping(_ results: [ReplayResult]) -> [[ReplayResult]] {
    var groups: [[ReplayResult]] = []
    for result in results {
      if let last = groups.last?.last, last.trace == result.trace, last.capacity == result.capacity
      {
        groups[groups.count - 1].append(result)
      } else {
        groups.append([result])
      }
    }
    return groups
  }
}
