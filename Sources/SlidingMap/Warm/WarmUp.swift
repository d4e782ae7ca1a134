public import MapProtocols

/// What a warm-up was asked for and has done: what `MapManager.warm` returns, and tells on its way.
public struct WarmUp: Hashable, Sendable {
  /// The bytes asked for, as far as the files have them: of each the ranges, or all. `Int.max` where that is more than can be said.
  public internal(set) var bytesAsked = 0
  /// Of them, those that were brought into memory, or were there.
  public internal(set) var bytesWarmed = 0
  /// How many files were asked for.
  public internal(set) var filesAsked = 0
  /// Of them, those of which all is in memory that was asked for.
  public internal(set) var filesWarmed = 0
  /// What went wrong with files, at most one error for each, in the order in which the files were given.
  public internal(set) var failures: [MapError] = []

  /// Whether all is in memory that was asked for. If not and nothing failed, the limit or the budget held no more, or a file was cut
  /// short meanwhile.
  public var isComplete: Bool { failures.isEmpty && bytesWarmed == bytesAsked }

  init() {}
}
