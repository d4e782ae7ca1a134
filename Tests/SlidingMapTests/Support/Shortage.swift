import MMapBackend
import MapTesting
import SlidingMap
import SystemPackage

/// What the system refuses mmap.
final class Shortage: Sendable {
  private struct State {
    var descriptors = false
    var addresses = false
    var everything: MapError?
  }
  private let state = Locked(State())

  var descriptors: Bool {
    get { state.withLock { $0.descriptors } }
    set { state.withLock { $0.descriptors = newValue } }
  }
  var addresses: Bool {
    get { state.withLock { $0.addresses } }
    set { state.withLock { $0.addresses = newValue } }
  }
  /// Ends every call, of the takeover too.
  var everything: MapError? {
    get { state.withLock { $0.everything } }
    set { state.withLock { $0.everything = newValue } }
  }

  /// A backend that fails as this says, with another behind it.
  func provider() -> FaultProvider<MMapProvider> {
    FaultProvider(MMapProvider(takeover: Takeover(provider: CopyingProvider()))) { [self] call in
      if call.operation != .status, let error = everything { return error }
      switch call.operation {
      case .open where call.backend == "mmap" && descriptors:
        return MapError(.handlesExhausted, errno: .tooManyOpenFiles)
      case .makeExtent where addresses:
        return MapError(.addressSpaceExhausted, errno: .noMemory)
      default: return nil
      }
    }
  }
}
