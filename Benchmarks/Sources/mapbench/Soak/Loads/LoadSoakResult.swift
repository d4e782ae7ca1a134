/// What came of one backend.
struct LoadSoakResult: Encodable {
  let backend: String
  /// Windows loaded by threads and by tasks.
  var loads = 0
  /// Words that were not those of the file, and uses that failed.
  var wrong = 0
  /// Tasks that ended by being cancelled.
  var cancelled = 0
  var tasks = 0
  /// CPU time that the idle process took, the manager and its ring still there.
  var idleMilliseconds = 0.0
  var left = Leftovers()
  var seconds = 0.0

  var isGood: Bool {
    wrong == 0 && cancelled == tasks && left.isNothing
  }

  static let titles =
    ["backend", "loads", "wrong", "cancelled", "idle CPU"] + Leftovers.titles + ["time", "verdict"]

  var cells: [String] {
    [
      backend, grouped(loads), grouped(wrong), "\(cancelled)/\(tasks)",
      "\(fixed(idleMilliseconds, 1)) ms",
    ] + left.cells + ["\(fixed(seconds, 1)) s", isGood ? "ok" : "FAILED"]
  }
}
