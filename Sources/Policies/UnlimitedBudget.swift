public import MapProtocols

/// No limit at all: nothing is unloaded until its files go, for short programs and small data.
public struct UnlimitedBudget: Budget, Hashable {
  /// The budget without limits. O(1).
  public init() {}

  /// No limits. O(1).
  public func limits(holding usage: BudgetUsage) -> BudgetLimits { BudgetLimits() }
}

extension Budget where Self == UnlimitedBudget {
  /// No limit at all. O(1).
  public static var unlimited: UnlimitedBudget { UnlimitedBudget() }
}
