/// A target, what was measured, and whether it is met.
struct TargetResult: Encodable, Sendable {
  /// The target's number and what tells it from others of that number: "N2 clock".
  let name: String
  let work: String
  /// Whether the figure must be at least the target; else at most.
  let isFloor: Bool
  /// Null where the figure is only told.
  let target: Double?
  /// The unit of target and figure; "x" for a ratio.
  let unit: String
  /// The median of the pairs' figures.
  let figure: Double
  let low: Double
  let high: Double
  /// The medians of each side, in `measure`.
  let ours: Double
  let peer: Double?
  let measure: String
  /// Also where there is no target.
  let met: Bool
  let pairs: [Pair]
  /// What else a reader should know.
  let note: String?

  static func atMost(
    _ target: Double, _ unit: String, name: String, work: String, measure: String,
    _ pairs: [Pair], note: String? = nil
  ) -> TargetResult {
    TargetResult(name, work, false, target, unit, measure, pairs, note)
  }

  static func atLeast(
    _ target: Double, _ unit: String, name: String, work: String, measure: String,
    _ pairs: [Pair], note: String? = nil
  ) -> TargetResult {
    TargetResult(name, work, true, target, unit, measure, pairs, note)
  }

  /// A figure without a target, beside others that have one.
  static func unbound(
    _ unit: String, name: String, work: String, measure: String, _ pairs: [Pair],
    note: String? = nil
  ) -> TargetResult {
    TargetResult(name, work, false, nil, unit, measure, pairs, note)
  }

  private init(
    _ name: String, _ work: String, _ isFloor: Bool, _ target: Double?, _ unit: String,
    _ measure: String, _ pairs: [Pair], _ note: String?
  ) {
    let figures = pairs.map(\.figure)
    let peers = pairs.compactMap(\.peer)
    self.name = name
    self.work = work
    self.isFloor = isFloor
    self.target = target
    self.unit = unit
    self.measure = measure
    self.pairs = pairs
    self.note = note
    let figure = median(figures)
    self.figure = figure
    low = figures.min() ?? .nan
    high = figures.max() ?? .nan
    ours = median(pairs.map(\.ours))
    peer = peers.isEmpty ? nil : median(peers)
    met = target.map { isFloor ? figure >= $0 : figure <= $0 } ?? true
  }

  static let titles = [
    "name", "work", "target", "figure", "spread", "ours", "peer", "pairs", "verdict",
  ]

  var cells: [String] {
    [
      name, work, target.map { "\(isFloor ? ">=" : "<=") \(text($0, unit))" } ?? "-",
      text(figure, unit),
      "\(text(low, unit))..\(text(high, unit))", text(ours, measure),
      peer.map { text($0, measure) } ?? "-", String(pairs.count),
      target == nil ? "-" : met ? "met" : "MISSED",
    ]
  }

  private func text(_ value: Double, _ unit: String) -> String {
    let decimals = abs(value) < 10 ? 2 : abs(value) < 1000 ? 1 : 0
    switch unit {
    case "x": return "\(fixed(value, 2))x"
    case "": return fixed(value, 0)
    default: return "\(fixed(value, decimals)) \(unit)"
    }
  }
}
