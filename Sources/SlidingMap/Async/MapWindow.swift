public import MapProtocols

/// A window of a file that stays in memory as long as this object lives: what `MapManager.windows(of:)` gives.
///
/// It may be passed between tasks and read by several at a time.
public final class MapWindow: Sendable {
  private let cursor: WindowCursor
  /// Where it is noted, when the window goes, that bytes were missing and nobody asked.
  private let walk: Guarded<Missing?>

  init(_ cursor: consuming WindowCursor, of walk: Guarded<Missing?>) {
    self.cursor = cursor
    self.walk = walk
  }

  deinit {
    if let missing = cursor.missingOfShown() { walk.withLock { $0 = $0 ?? missing } }
  }

  /// The bytes of the file that it holds. O(1).
  public var range: Range<Int64> { cursor.range }

  /// Calls `body` with the bytes. O(1). Throws what `body` throws. Ask `check()` before you believe bytes of a file that others may cut
  /// short; the next step of `MapManager.windows(of:)` asks, too, once this object is gone.
  public func withBytes<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    try cursor.lend(body)
  }

  /// Says whether bytes of the window were missing while somebody looked at them; see `WindowCursor.check()`. O(1).
  ///
  /// - Throws: `.fileTruncated`, `.readFailed`.
  public func check() throws(MapError) {
    if let error = cursor.errorOfShown() { throw error }
  }
}
