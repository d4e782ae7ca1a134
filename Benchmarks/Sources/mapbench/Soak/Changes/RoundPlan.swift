import SlidingMap

/// Which manager a round has: in turns one with another kind of budget, another policy, and every other time faults.
struct RoundPlan {
  /// Kinds of budgets.
  enum BudgetKind: CaseIterable {
    /// What the system allows, which changes all the time.
    case automatic
    /// Less than threads use at a time, which maps may overshoot.
    case soft
    /// The same, which nothing may overshoot.
    case hard
  }

  /// After so many rounds the same kind of budget comes with the same share of faults.
  static let cycle = 6
  private static let bytes = 4 << 20

  let number: Int

  var budget: BudgetKind { BudgetKind.allCases[number % BudgetKind.allCases.count] }
  var hasFaults: Bool { number % 2 == 1 }
  private var policy: PolicyName { PolicyName.allCases[number % PolicyName.allCases.count] }

  /// The most bytes that the manager may ever hold; nil where that is not fixed.
  var mostBytes: Int? { budget == .hard ? Self.bytes : nil }

  /// The manager.
  func manager(_ backend: BackendName, failing dice: FaultDice?) throws(MapError) -> MapManager {
    let provider = try backend.make()
    let faulty = dice?.wrap(provider) ?? provider
    return policy.slidingManager(
      limits(backend), windowSize: ChangesSoak.windowSize, backend: faulty)
  }

  /// Of files and handles there is room for some, but not for all that are used.
  private func limits(_ backend: BackendName) -> any Budget {
    switch budget {
    case .automatic: .automatic
    case .soft: .fixed(bytes: Self.bytes, maps: backend.isAnonymous ? 160 : 40, handles: 24)
    case .hard: .fixed(bytes: Self.bytes, handles: 32, isHard: true)
    }
  }
}
