import SlidingMap

/// The access patterns by name.
enum PatternName: String, CaseIterable, Sendable {
  case normal, sequential, random, learned

  var pattern: AccessPattern {
    switch self {
    case .normal: .normal
    case .sequential: .sequential
    case .random: .random
    case .learned: .learned
    }
  }
}
