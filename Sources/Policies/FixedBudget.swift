public import MapProtocols

/// Limits that stay as they were given, for programs that know what they may take.
public struct FixedBudget: Budget, Hashable {
  /// What a manager may hold.
  public let limits: BudgetLimits

  /// A budget of these limits. O(1).
  public init(_ limits: BudgetLimits) { self.limits = limits }

  /// The limits given. O(1).
  public func limits(holding usage: BudgetUsage) -> BudgetLimits { limits }
}

extension Budget where Self == FixedBudget {
  /// A budget of the limits given; those left out don't bind. O(1).
  ///
  /// - Parameters:
  ///   - bytes: of loaded windows, each rounded up to whole pages.
  ///   - regions: loaded windows.
  ///   - maps: kernel maps, one for each mapped file.
  ///   - addresses: bytes of addresses reserved for files.
  ///   - handles: open descriptors.
  ///   - isHard: whether a request that does not fit beside pinned windows fails instead of overshooting.
  /// - Precondition: every limit is positive.
  public static func fixed(
    bytes: Int = .max, regions: Int = .max, maps: Int = .max, addresses: Int = .max,
    handles: Int = .max, isHard: Bool = false
  ) -> FixedBudget {
    FixedBudget(
      BudgetLimits(
        bytes: bytes, regions: regions, maps: maps, addresses: addresses, handles: handles,
        isHard: isHard))
  }
}
