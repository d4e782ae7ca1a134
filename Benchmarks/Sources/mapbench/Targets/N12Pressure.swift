import SystemPackage

/// N12: a hot set beside a cold file, where memory is short.
enum N12Pressure: Target {
  static let number = "N12"
  private static let memory = 256 << 20
  private static let seconds = 3.0
  private static let readers: [PressureReader] = [.defaults, .normal, .mixed]

  static func measure(_ bench: Workbench) throws -> [TargetResult] {
    let pressure: PressureBench
    do {
      pressure = try PressureBench(in: bench.directory, memory: memory, coldSize: 4 << 30)
    } catch let error as Errno {
      bench.skip(number, "no memory group can be made: \(error)")
      return []
    }
    var results: [TargetResult] = []
    for shape in [ReadShape.scan, .pages] {
      var hot: [Pair] = []
      var cold: [Pair] = []
      for round in 0..<bench.rounds {
        var runs: [PressureReader: PressureRun] = [:]
        for step in readers.indices {
          let reader = readers[(step + round) % readers.count]
          runs[reader] = try pressure.run(reader, .dense, shape, hotThreads: 1, seconds: seconds)
        }
        guard let ours = runs[.defaults], let normal = runs[.normal], let mixed = runs[.mixed]
        else { continue }
        hot.append(.ratio(ours.hotReads / 1e6, normal.hotReads / 1e6))
        cold.append(.ratio(ours.coldBytes / 1e6, mixed.coldBytes / 1e6))
      }
      results += [
        .atLeast(
          0.9, "x", name: "N12 \(shape.rawValue) hot",
          work:
            "whole pages of 64 MiB at random beside \(shape.work), 256 MiB of memory; of MADV_NORMAL",
          measure: "M/s", hot),
        .atLeast(
          0.9, "x", name: "N12 \(shape.rawValue) cold",
          work: "the cold side of it; of MADV_RANDOM", measure: "MB/s", cold),
      ]
    }
    return results
  }
}
