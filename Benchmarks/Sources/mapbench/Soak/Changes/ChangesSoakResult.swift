import SlidingMap

/// What came of one backend.
struct ChangesSoakResult: Encodable {
  let backend: String
  let seed: UInt64
  /// Made by the second process.
  var changes = 0
  /// Calls that were made to fail.
  var faults = 0
  private(set) var uses = 0
  private(set) var torn = 0
  private(set) var unjudged = 0
  private(set) var wrong = 0
  private(set) var problems: [String] = []
  /// Errors that were right to come, by kind.
  private(set) var errors: [String: Int] = [:]
  private(set) var managers = 0
  /// Missing pages of maps that became zeros.
  private(set) var missingPages = 0
  private(set) var takeovers = 0
  private(set) var overshoots = 0
  private(set) var evictions = 0
  /// The most bytes that a manager counted.
  private(set) var peak = 0
  /// What the first manager left that left something.
  private(set) var left: Leftovers?
  var steadiness: Steadiness?
  var isSteadinessJudged = false
  var seconds = 0.0

  init(backend: String, seed: UInt64) {
    self.backend = backend
    self.seed = seed
  }

  mutating func take(_ counts: ChangesTally.Counts) {
    uses = counts.uses
    torn = counts.torn
    unjudged = counts.unjudged
    wrong = counts.wrong
    problems = counts.problems
    errors = counts.errors
  }

  mutating func take(_ statistics: MapStatistics) {
    managers += 1
    missingPages += statistics.counts.faults
    takeovers += statistics.counts.takeovers
    overshoots += statistics.counts.overshoots
    evictions += statistics.counts.evictions
    peak = max(peak, statistics.peak.bytes)
  }

  /// - Parameter isFirst: whether what is left in the process does not count.
  mutating func take(_ left: Leftovers, isFirst: Bool) {
    let isNothing = isFirst ? left.isNothingInManager : left.isNothing
    if !isNothing && self.left == nil { self.left = left }
  }

  var isGood: Bool { wrong == 0 && complaints.isEmpty }

  static let titles =
    [
      "backend", "uses", "changes", "torn", "unjudged", "wrong", "errors", "missing pages",
      "takeovers", "overshoots", "evictions", "peak",
    ] + Steadiness.titles + ["left", "time", "verdict"]

  var cells: [String] {
    let numbers = [
      uses, changes, torn, unjudged, wrong, errors.values.reduce(0, +), missingPages, takeovers,
      overshoots, evictions,
    ]
    let steady = steadiness?.cells ?? Steadiness.titles.map { _ in "-" }
    return [backend] + numbers.map(grouped) + [ByteSize.text(peak)] + steady + [
      left == nil ? "nothing" : "something", "\(fixed(seconds, 1)) s", isGood ? "ok" : "FAILED",
    ]
  }

  /// What was told of readers, a column for each backend.
  static func errors(_ results: [ChangesSoakResult]) -> String {
    let kinds = Set(results.flatMap(\.errors.keys)).sorted()
    var lines = kinds.map { kind in [kind] + results.map { grouped($0.errors[kind] ?? 0) } }
    lines.append(["faults injected"] + results.map { grouped($0.faults) })
    lines.append(["managers"] + results.map { grouped($0.managers) })
    return TextTable(["error"] + results.map(\.backend), leftAligned: 1, lines).render()
  }

  /// What is wrong, in full.
  var complaints: [String] {
    var complaints = problems
    if let left {
      complaints.append(
        "left: " + zip(Leftovers.titles, left.cells).map { "\($0) \($1)" }.joined(separator: ", "))
    }
    if isSteadinessJudged && steadiness?.isSteady != true {
      complaints.append("the process has more at the end than at the start")
    }
    if changes == 0 { complaints.append("the second process changed nothing") }
    return complaints
  }
}
