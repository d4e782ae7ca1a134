internal import MapProtocols

/// A submitted request until its end was told.
final class PendingRead {
  var request: ReadRequest
  let submission: Submission
  /// How far it is; nil for what the ring is not for.
  var progress: ReadProgress?

  init(_ request: ReadRequest, of submission: Submission) {
    self.request = request
    self.submission = submission
    progress = ReadProgress(request)
  }
}

/// Requests that were submitted together, and whom to tell of their ends.
final class Submission {
  let completion: @Sendable ([ReadRequest]) -> Void
  let cancelled = CancellationFlag()

  init(_ completion: @escaping @Sendable ([ReadRequest]) -> Void) { self.completion = completion }
}
