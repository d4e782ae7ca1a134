/// N19: what users do, through the library with its defaults.
enum N19UserWork: Target {
  static let number = "N19"

  static func measure(_ bench: Workbench) throws -> [TargetResult] {
    try UserWork.all(in: bench.directory).flatMap { work in
      let times = try work.measure(rounds: bench.rounds)
      return work.ours.map { way in
        let pairs = zip(times[way.name] ?? [], times[work.peer] ?? []).map {
          Pair.ratio($0 * 1e3, $1 * 1e3)
        }
        return TargetResult.atMost(
          work.most, "x", name: "N19 \(work.name)\(work.ours.count > 1 ? " (\(way.name))" : "")",
          work: "\(work.work); of \(work.peer)", measure: "ms", pairs)
      }
    }
  }
}
