import MapProtocols

/// What a backend is to be told of a file. As a user of the file's handle it keeps the extent.
struct Advice {
  let file: FileEntry
  let owner: Backend
  let region: ExtentRange
  let advice: AccessAdvice

  /// Tells it. Called without the lock.
  func give() { owner.provider.advise(advice, region) }
}
