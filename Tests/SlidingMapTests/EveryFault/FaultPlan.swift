import MapProtocols
import MapTesting
import SlidingMap
import SystemPackage

/// Which call of a backend fails, and in which of the ways that such a call can.
struct FaultPlan: CustomStringConvertible {
  /// From 0; nil if none is to.
  let call: Int?
  let way: Int

  static let ways = 3

  private static func errors(of operation: ProviderCall.Operation) -> [MapError] {
    switch operation {
    case .open:
      [
        MapError(.openFailed, errno: .ioError),
        MapError(.handlesExhausted, errno: .tooManyOpenFiles),
        MapError(.openFailed, errno: .noMemory),
      ]
    case .status:
      [
        MapError(.openFailed, errno: .ioError), MapError(.fileChanged),
        MapError(.openFailed, errno: .noSuchFileOrDirectory),
      ]
    case .makeExtent:
      [
        MapError(.addressSpaceExhausted, errno: .noMemory),
        MapError(.notMappable, errno: .noSuchAddressOrDevice),
      ]
    case .load, .read:
      [MapError(.readFailed, errno: .ioError), MapError(.fileTruncated), MapError(.fileChanged)]
    default: [MapError(.readFailed, errno: .ioError)]
    }
  }

  /// The error that a call is to end with; nil where it has no such way to fail.
  func error(for operation: ProviderCall.Operation) -> MapError? {
    let errors = Self.errors(of: operation)
    return way < errors.count ? errors[way] : nil
  }

  var description: String { "call \(call ?? -1) fails in way \(way)" }
}

/// Counts the calls of a session and fails the one of its plan.
final class PlannedFault: Sendable {
  private struct State {
    var calls = 0
    var failed: ProviderCall.Operation?
  }

  private let plan: FaultPlan
  private let state = Locked(State())

  init(_ plan: FaultPlan) { self.plan = plan }

  var calls: Int { state.withLock { $0.calls } }
  /// What the call that failed was to do; nil if none has failed.
  var failed: ProviderCall.Operation? { state.withLock { $0.failed } }

  /// A provider before which the fault stands.
  func wrap(_ base: some RegionProvider) -> any RegionProvider {
    FaultProvider(base) { call in self.next(call) }
  }

  private func next(_ call: ProviderCall) -> MapError? {
    state.withLock { state in
      defer { state.calls += 1 }
      guard state.calls == plan.call, let error = plan.error(for: call.operation) else {
        return nil
      }
      state.failed = call.operation
      return error
    }
  }
}
