internal import MapProtocols

/// A submitted load until its end was told.
final class PendingLoad {
  var load: RegionLoad
  let submission: Submission
  /// How far it is; nil without a handle.
  var window: WindowLoad?

  init(_ load: RegionLoad, of submission: Submission) {
    self.load = load
    self.submission = submission
    window = load.target.map { WindowLoad(load.region, $0) }
  }
}

/// Loads that were submitted together, and whom to tell of their ends.
final class Submission {
  let completion: @Sendable ([RegionLoad]) -> Void

  init(_ completion: @escaping @Sendable ([RegionLoad]) -> Void) { self.completion = completion }
}
