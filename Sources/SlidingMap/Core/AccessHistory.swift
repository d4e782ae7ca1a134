import MapProtocols

/// Whether the requests for a file that missed lay near one another: a counter that saturates, and where the last one was.
///
/// The price of a mistake is alike on both sides, some milliseconds a miss: too much read, or a window read page by page.
/// So scattered requests are believed soon, and requests that read on sooner still.
struct AccessHistory {
  private static let most = 6
  /// Scattered requests, more than others, from which on a file counts as read at random.
  private static let proof = 3
  /// How far apart requests are near one another, in bytes: about what a disk reads in the time of one more request.
  static let reach: Int64 = 64 << 10
  /// A request of so many bytes is worth reading ahead for by itself.
  static let large = 2 << 20

  private var scattered = 0
  private var last: ClosedRange<Int>?
  private(set) var isRandom = false
  /// What the backend was told of the extent.
  private var told = AccessAdvice.normal

  /// Notes a request that missed. O(1).
  ///
  /// - Parameters:
  ///   - wanted: what is asked for.
  ///   - shown: what its reader read before; empty if that is not known.
  ///   - windows: those of the request.
  /// - Returns: whether its reader reads on from where it was.
  mutating func note(
    _ wanted: Range<Int64>, after shown: Range<Int64>, _ windows: ClosedRange<Int>
  ) -> Bool {
    let before = last
    last = windows
    var isNear = wanted.count >= Self.large
    if !isNear && shown.isEmpty {
      // Pages read in turn by cursors of their own miss a window apart. Which way it is can't be told.
      guard let before,
        windows.lowerBound > before.upperBound + 1 || windows.upperBound < before.lowerBound - 1
      else { return false }
    } else if !isNear {
      isNear =
        wanted.lowerBound <= shown.upperBound + Self.reach
        && shown.lowerBound <= wanted.upperBound + Self.reach
    }
    scattered = isNear ? max(scattered - 3, 0) : min(scattered + 1, Self.most)
    if scattered == 0 { isRandom = false }
    if scattered >= Self.proof { isRandom = true }
    return isNear
  }

  /// Notes what the backend is to be told. False if it was told so before.
  mutating func tell(_ advice: AccessAdvice) -> Bool {
    defer { told = advice }
    return advice != told
  }

  /// Whether the backend takes the extent to be read at random.
  var isToldRandom: Bool { told == .random }

  /// Notes that the extent is another one, of which nothing was told.
  mutating func forgetWhatWasTold() { told = .normal }
}
