import BenchmarkSupport
import MapTesting
import SlidingMap
import Synchronization
import SystemPackage

/// Has calls of a backend fail, one in so many, by seed.
final class FaultDice: Sendable {
  private let share: Int
  private let seed: UInt64
  private let calls = Atomic(0)
  private let faults = Atomic(0)

  /// - Parameter share: one call in so many fails.
  init(oneIn share: Int, seed: UInt64) {
    self.share = share
    self.seed = seed
  }

  /// How many calls failed.
  var count: Int { faults.load(ordering: .relaxed) }

  /// Puts the faults in front of a backend.
  func wrap(_ provider: some RegionProvider) -> any RegionProvider {
    FaultProvider(provider) { [self] call in error(for: call.operation) }
  }

  private func error(for operation: ProviderCall.Operation) -> MapError? {
    let call = calls.add(1, ordering: .relaxed).oldValue
    var generator = SeededGenerator(seed: seed, after: call)
    if generator.below(share) > 0 { return nil }
    faults.add(1, ordering: .relaxed)
    return switch operation {
    case .open, .status: MapError(.openFailed, errno: .ioError)
    case .makeExtent: MapError(.addressSpaceExhausted, errno: .noMemory)
    default: MapError(.readFailed, errno: .ioError)
    }
  }
}
