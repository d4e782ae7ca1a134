import SlidingMap

/// What came of one backend.
struct MixedSoakResult: Encodable {
  let backend: String
  let budget: Int
  /// By how much a peak may exceed the budget where everything in it was in use.
  let mostExcess: Int
  let seed: UInt64
  /// How often each thing was done, by its name.
  private(set) var operations: [String: Int] = [:]
  private(set) var wrong = 0
  /// Uses of files that had been changed or replaced, which were told so.
  private(set) var fileChanged = 0
  private(set) var firstProblem: String?
  private(set) var loads = 0
  private(set) var evictions = 0
  private(set) var bypasses = 0
  private(set) var takeovers = 0
  private(set) var overshoots = 0
  /// The most bytes the manager counted.
  private(set) var peak = 0
  /// By how much the process's memory grew at most.
  var resident = 0
  var left = Leftovers()
  var seconds = 0.0

  init(backend: String, budget: Int, mostExcess: Int, seed: UInt64) {
    self.backend = backend
    self.budget = budget
    self.mostExcess = mostExcess
    self.seed = seed
  }

  /// Takes over what the threads found.
  mutating func take(_ tally: SoakTally) {
    wrong = tally.wrong
    fileChanged = tally.changed
    firstProblem = tally.firstProblem
    for (operation, count) in tally.operations { operations[operation.rawValue] = count }
  }

  /// What the process may hold beside the budget: heaps of the threads, files being written, pages of the program.
  private static let slack = 16 << 20

  mutating func take(_ statistics: MapStatistics) {
    loads = statistics.counts.loads
    evictions = statistics.counts.evictions
    bypasses = statistics.counts.bypasses
    takeovers = statistics.counts.takeovers
    overshoots = statistics.counts.overshoots
    peak = statistics.peak.bytes
  }

  var isGood: Bool {
    wrong == 0 && left.isNothing && peak <= budget + (overshoots > 0 ? mostExcess : 0) && isSmall
  }

  private var isSmall: Bool {
    #if SLIDING_MAP_CANARY
      // The thread sanitizer keeps several bytes for each of the program's.
      return true
    #else
      return resident <= max(budget, peak) + Self.slack
    #endif
  }

  private var count: Int { operations.values.reduce(0, +) }

  static let titles =
    [
      "backend", "operations", "wrong", "file changed", "loads", "evictions", "bypasses", "budget",
      "peak", "resident",
    ]
    + Leftovers.titles + ["ops/s", "time", "verdict"]

  var cells: [String] {
    [
      backend, grouped(count), grouped(wrong), grouped(fileChanged), grouped(loads),
      grouped(evictions), grouped(bypasses), ByteSize.text(budget), ByteSize.text(peak),
      ByteSize.text(resident),
    ] + left.cells + [
      grouped(Int(Double(count) / seconds)), "\(fixed(seconds, 1)) s", isGood ? "ok" : "FAILED",
    ]
  }

  /// How often each thing was done, a column for each backend.
  static func counts(_ results: [MixedSoakResult]) -> String {
    let lines = SoakOperation.allCases.map { operation in
      [operation.rawValue] + results.map { grouped($0.operations[operation.rawValue] ?? 0) }
    }
    return TextTable(["operation"] + results.map(\.backend), leftAligned: 1, lines).render()
  }
}
