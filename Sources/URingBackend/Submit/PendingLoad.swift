internal import MapProtocols

/// A submitted load until its end was told.
final class PendingLoad {
  var load: RegionLoad
  let completion: @Sendable (RegionLoad) -> Void
  /// How far it is; nil without a handle.
  var window: WindowLoad?

  init(_ load: RegionLoad, _ completion: @escaping @Sendable (RegionLoad) -> Void) {
    self.load = load
    self.completion = completion
    window = load.target.map { WindowLoad(load.region, $0) }
  }
}
