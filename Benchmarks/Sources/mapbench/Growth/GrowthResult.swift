/// What one operation takes at one size, beside a plain cache.
struct GrowthResult: Encodable {
  let policy: String
  let operation: String
  /// How many of what: regions in one file, or files.
  let count: Int
  let unit: String
  /// Medians, in nanoseconds.
  let ours: Double
  let plain: Double
  let low: Double
  let high: Double
  /// Ours as a multiple of what it takes at the smallest size and what the plain cache takes more than there; null at
  /// the smallest.
  private(set) var growth: Double?

  /// What tells it from results for other sizes alone.
  var group: String { "\(unit) \(policy) \(operation)" }

  /// What counts as flat.
  static let limit = 2.0
  var isFlat: Bool { growth.map { $0 <= Self.limit } ?? true }
  /// Collecting goes through windows and files, so it has no one count to be measured by.
  private var isJudged: Bool { growth != nil && operation != "collect" }
  var isGood: Bool { isFlat || !isJudged }

  init(_ policy: PolicyName, _ operation: String, _ count: Int, _ unit: String, _ times: Times) {
    self.policy = policy.rawValue
    self.operation = operation
    self.count = count
    self.unit = unit
    ours = median(times.ours)
    plain = median(times.plain)
    low = times.ours.min() ?? .nan
    high = times.ours.max() ?? .nan
  }

  /// What each round took, in nanoseconds for one operation.
  struct Times {
    var ours: [Double] = []
    var plain: [Double] = []
  }

  /// Compares results for the same operation with the first of them.
  static func compared(_ results: [GrowthResult]) -> [GrowthResult] {
    results.map { result in
      guard
        let base = results.first(where: { $0.group == result.group }),
        base.count != result.count
      else { return result }
      var result = result
      result.growth = result.ours / (base.ours + max(result.plain - base.plain, 0))
      return result
    }
  }

  static let titles = ["policy", "operation", "at", "ours", "spread", "plain", "growth", "verdict"]

  var cells: [String] {
    [
      policy, operation, "\(grouped(count)) \(unit)\(count == 1 ? "" : "s")", text(ours),
      "\(text(low))..\(text(high))", text(plain), growth.map { "\(fixed($0, 2))x" } ?? "-",
      isJudged ? isFlat ? "flat" : "GROWS" : "-",
    ]
  }

  private func text(_ value: Double) -> String { "\(fixed(value, value < 100 ? 1 : 0)) ns" }
}
