import BenchmarkSupport
import SlidingMap
import SystemPackage

/// What a use costs while it is observed or recorded.
struct ObservationCost: Encodable {
  let policy: String
  let observed: String
  /// The median, in nanoseconds.
  let use: Double
  let low: Double
  let high: Double
  /// Hits that were kept from policy and observers, per million.
  let droppedPerMillion: Double

  private static let windows = 0..<256
  private static let rounds = 7

  static func measure(_ directory: FilePath) throws -> [ObservationCost] {
    let path = directory.appending("cost.bin")
    try PatternFile.write(path, byteCount: windows.count * Workbench.windowSize, seed: 1)
    try PatternFile.warm(path)
    return try [PolicyName.lru, .clock].flatMap { try measure($0, path, directory) }
  }

  private static func measure(
    _ policy: PolicyName, _ path: FilePath, _ directory: FilePath
  ) throws -> [ObservationCost] {
    let maps = policy.slidingManager(.fixed(regions: 1000), windowSize: Workbench.windowSize)
    defer { maps.shutdown() }
    var cursor = try maps.cursor(for: path)
    try Loops.populate(&cursor, windows: windows)
    let offsets = Loops.offsets(1 << 20, windows: windows, seed: 12)
    let names = [
      "nothing", "6 policies, 1%", "6 policies, 100%", "recorded, compact", "recorded, oracle",
    ]
    var times: [[Double]] = Array(repeating: [], count: names.count)
    var dropped = Array(repeating: 0, count: names.count)
    // The first round warms up.
    for round in 0...rounds {
      for kind in names.indices {
        let before = maps.statistics.counts.droppedHits
        let trace = directory.appending("cost.trace")
        let shadows = PolicyName.usual.map { $0.make() }
        var observation: PolicyObservation?
        var recording: TraceRecording?
        switch kind {
        case 1: observation = try maps.observe(policies: shadows, sampling: 0.01)
        case 2: observation = try maps.observe(policies: shadows, sampling: 1)
        case 3: recording = try maps.recordTrace(to: trace)
        case 4: recording = try maps.recordTrace(to: trace, format: .oracleGeneral)
        default: break
        }
        let time = try seconds { blackHole(try Loops.useAndLoad(&cursor, offsets, passes: 1)) }
        observation?.stop()
        try recording?.finish()
        if round == 0 { continue }
        times[kind].append(time / Double(offsets.count) * 1e9)
        dropped[kind] += maps.statistics.counts.droppedHits - before
      }
    }
    return names.indices.map { kind in
      ObservationCost(
        policy: policy.rawValue, observed: names[kind], use: median(times[kind]),
        low: times[kind].min() ?? .nan, high: times[kind].max() ?? .nan,
        droppedPerMillion: Double(dropped[kind]) / Double(rounds * offsets.count) * 1e6)
    }
  }

  static func table(_ costs: [ObservationCost]) -> String {
    var table = TextTable(
      ["policy", "observed", "ns a use", "spread", "dropped ppm"], leftAligned: 2)
    for cost in costs {
      table.add([
        cost.policy, cost.observed, fixed(cost.use, 1),
        "\(fixed(cost.low, 1))..\(fixed(cost.high, 1))", fixed(cost.droppedPerMillion, 0),
      ])
    }
    return table.render()
  }
}
