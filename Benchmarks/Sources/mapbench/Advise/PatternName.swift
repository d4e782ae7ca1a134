import SlidingMap

/// The access patterns by name.
enum PatternName: String, CaseIterable, Sendable {
  case normal, random, learned

  var pattern: AccessPattern {
    switch self {
    case .normal: .normal
    case .random: .random
    case .learned: .learned
    }
  }
}
