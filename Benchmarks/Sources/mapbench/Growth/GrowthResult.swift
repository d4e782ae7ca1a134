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
  /// Ours as a multiple of what it takes at the smallest size and what the plain cache takes more than there: the median
  /// over rounds. Null at the smallest.
  let growth: Double?

  /// What counts as flat.
  private static let limit = 2.0
  private var isFlat: Bool { growth.map { $0 <= Self.limit } ?? true }
  /// Collecting goes through windows and files, so it has no one count to be measured by.
  private var isJudged: Bool { growth != nil && operation != "collect" }
  var isGood: Bool { isFlat || !isJudged }

  /// - Parameters:
  ///   - times: of each round.
  ///   - smallest: what the same rounds took at the smallest size.
  init(
    policy: PolicyName, operation: String, size: GrowthSize, times: [GrowthTimes],
    smallest: [GrowthTimes]?
  ) {
    self.policy = policy.rawValue
    self.operation = operation
    count = size.count
    unit = size.unit
    ours = median(times.map(\.ours))
    plain = median(times.map(\.plain))
    low = times.map(\.ours).min() ?? .nan
    high = times.map(\.ours).max() ?? .nan
    growth = smallest.map { smallest in
      median(
        zip(times, smallest).map { here, there in
          here.ours / (there.ours + max(here.plain - there.plain, 0))
        })
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
