import MapProtocols

/// What a backend is to be told of a file. It keeps the file's extent until it was.
struct Advice {
  let edition: Edition
  let owner: Backend
  let region: ExtentRange
  let advice: AccessAdvice
  /// The region that is told apart as hot.
  var hot: RegionSlot?

  /// Tells it. Called without the lock.
  func give() { owner.advise(advice, region) }
}
