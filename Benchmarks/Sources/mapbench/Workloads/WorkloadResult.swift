/// What a way of doing something took.
struct WorkloadResult: Encodable {
  let name: String
  let work: String
  let way: String
  let isOurs: Bool
  /// The median, the least and the most of the rounds.
  let milliseconds: Double
  let low: Double
  let high: Double
  /// The median as a multiple of the least that a way without the library took.
  let ofBest: Double

  static func results(_ work: UserWork, _ times: [String: [Double]]) -> [WorkloadResult] {
    let others = work.ways.filter { !$0.isOurs }.map { median(times[$0.name] ?? []) }
    let best = others.min() ?? .nan
    return work.ways.map { way in
      let times = times[way.name] ?? []
      return WorkloadResult(
        name: work.name, work: work.work, way: way.name, isOurs: way.isOurs,
        milliseconds: median(times) * 1e3, low: (times.min() ?? .nan) * 1e3,
        high: (times.max() ?? .nan) * 1e3, ofBest: median(times) / best)
    }
  }

  static func table(_ results: [WorkloadResult]) -> String {
    var table = TextTable(["way", "time", "spread", "of best"], leftAligned: 1)
    var heading = ""
    for result in results {
      let next = "\(result.name): \(result.work)"
      if next != heading { table.heading(next) }
      heading = next
      table.add([
        "\(result.isOurs ? "* " : "  ")\(result.way)", "\(fixed(result.milliseconds, 1)) ms",
        "\(fixed(result.low, 1))..\(fixed(result.high, 1))", "\(fixed(result.ofBest, 2))x",
      ])
    }
    return table.render() + "\n*: through SlidingMap\n"
  }
}
