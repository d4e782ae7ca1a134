/// A window of a file that stays in memory as long as this object lives: what `MapManager.windows(of:)` gives.
///
/// It may be passed between tasks and read by several at a time.
public final class MapWindow: Sendable {
  private let cursor: WindowCursor

  init(_ cursor: consuming WindowCursor) { self.cursor = cursor }

  /// The bytes of the file that it holds. O(1).
  public var range: Range<Int64> { cursor.range }

  /// Calls `body` with the bytes. O(1). Throws what `body` throws.
  public func withBytes<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    try cursor.lend(body)
  }
}
