/// What came of one backend and policy.
struct VerifyResult: Encodable {
  let backend: String
  let policy: String
  var files = 0
  /// Bytes compared, each pass counted.
  var bytes: Int64 = 0
  /// Blocks whose bytes or length were not those that pread gave.
  var differences = 0
  /// Files that could not be read, by either side.
  var errors = 0
  /// The first thing that went wrong.
  var firstProblem: String?
  /// The digests of both sides, over both passes.
  var digest = ""
  var expectedDigest = ""
  let budgetBytes: Int
  /// How far the process may grow: the budget and the slack.
  let allowedBytes: Int
  /// The most file pages above the start.
  var peakFileBytes = 0
  /// The most anonymous memory above the start.
  var peakAnonymousBytes = 0
  /// The most that the manager itself counted.
  var peakBudgetBytes = 0
  var seconds = 0.0
  var isGood = false

  static let titles = [
    "backend", "policy", "files", "bytes", "different", "errors", "peak RssFile", "peak RssAnon",
    "counted", "allowed", "time", "verdict",
  ]

  var cells: [String] {
    [
      backend, policy, grouped(files), ByteSize.text(Int(bytes)), grouped(differences),
      grouped(errors), ByteSize.text(peakFileBytes), ByteSize.text(peakAnonymousBytes),
      ByteSize.text(peakBudgetBytes), ByteSize.text(allowedBytes), "\(fixed(seconds, 1)) s",
      isGood ? "ok" : "FAILED",
    ]
  }

  /// Notes a problem; the first is kept in words.
  mutating func note(_ problem: String) {
    if firstProblem == nil { firstProblem = problem }
  }

  /// Comes to a verdict.
  mutating func judge() {
    let resident = peakFileBytes + peakAnonymousBytes
    if digest != expectedDigest { note("the digests differ") }
    if resident > allowedBytes {
      note("\(ByteSize.text(resident)) resident, \(ByteSize.text(allowedBytes)) allowed")
    }
    if peakBudgetBytes > budgetBytes {
      note("the manager counted \(ByteSize.text(peakBudgetBytes))")
    }
    isGood = firstProblem == nil
  }
}
