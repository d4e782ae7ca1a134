/// What a conformance suite found: which promises a policy or a backend keeps, and what it did where it breaks one.
///
/// The suites throw it where a promise is broken; a test's report then shows `description`.
public struct ConformanceReport: Error, Sendable, CustomStringConvertible {
  /// A promise, and what there is to say of it.
  public struct Finding: Hashable, Sendable, CustomStringConvertible {
    /// The promise's name, as the suite's cases have it.
    public let promise: String
    /// What was seen, or why nothing could be.
    public let text: String

    /// Both in one line.
    public var description: String { "\(promise): \(text)" }
  }

  /// Who was checked: `policy "lru2"`.
  public let subject: String
  /// What was wrong, in the order in which it was found; several may be of one promise.
  public internal(set) var findings: [Finding] = []
  /// The promises that were kept.
  public internal(set) var kept: [String] = []
  /// The promises that were not checked, and why.
  public internal(set) var unchecked: [Finding] = []
  /// What the random parts depend on; the same seed makes the same calls, except where threads race.
  public let seed: UInt64

  init(of subject: String, seed: UInt64) {
    self.subject = subject
    self.seed = seed
  }

  /// Whether nothing was wrong.
  public var isClean: Bool { findings.isEmpty }

  /// Who broke what, a line for each finding, and the seed that repeats it.
  public var description: String {
    let total = kept.count + Set(findings.map(\.promise)).count
    var lines = [
      isClean
        ? "\(subject) keeps all \(total) promises that were checked."
        : "\(subject) breaks \(total - kept.count) of \(total) promises:"
    ]
    lines += findings.map { "  - \($0)" }
    if !unchecked.isEmpty { lines.append("Not checked:") }
    lines += unchecked.map { "  - \($0)" }
    if !isClean { lines.append("The same once more: seed: \(seed)") }
    return lines.joined(separator: "\n")
  }
}
