import ArgumentParser
import Glibc

/// Who reads a hot and a cold file beside each other: the library with all its defaults, or all but the pattern, or plain maps under advice
/// of theirs.
enum PressureReader: String, CaseIterable, ExpressibleByArgument, Sendable {
  case defaults, defaultsNormal, normal, mixed, random

  /// What it does.
  var work: String {
    switch self {
    case .defaults: "SlidingWindowMapManager()"
    case .defaultsNormal: "the same with pattern: .normal"
    case .normal: "maps, MADV_NORMAL"
    case .mixed: "maps, the cold one MADV_RANDOM"
    case .random: "maps, MADV_RANDOM"
    }
  }

  /// What the maps are told: of the hot and of the cold file.
  var advice: (hot: Int32, cold: Int32) {
    switch self {
    case .defaults, .defaultsNormal, .normal: (MADV_NORMAL, MADV_NORMAL)
    case .mixed: (MADV_NORMAL, MADV_RANDOM)
    case .random: (MADV_RANDOM, MADV_RANDOM)
    }
  }
}
