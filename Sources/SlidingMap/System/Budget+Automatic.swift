public import MapProtocols
public import Policies

extension Budget where Self == AutomaticBudget {
  /// Follows this system's limits and leaves the program room; see `AutomaticBudget` for how much. O(1).
  public static var automatic: AutomaticBudget { AutomaticBudget { SystemLimits.current() } }
}
