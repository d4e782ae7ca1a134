public import MapProtocols
import SystemPackage

/// The windows of a file, in order, as an asynchronous sequence; see `MapManager.windows(of:readAhead:)`.
public struct MapWindows: AsyncSequence, Sendable {
  let maps: MapManager
  let path: FilePath
  let readAhead: Int

  /// Starts from the first window. O(1); the file is opened by the first step.
  public func makeAsyncIterator() -> Iterator { Iterator(self) }

  /// One pass over the windows, for one task.
  public struct Iterator: AsyncIteratorProtocol {
    private let windows: MapWindows
    private var file: Cursor?
    private var isAtEnd = false
    /// The number of the next window, and the offset up to which loads were started.
    private var window = 0
    /// What was missing in windows that are gone.
    private let missing = Guarded<Missing?>(nil)
    private var started: Int64 = 0

    private final class Cursor: Sendable {
      let cursor: WindowCursor
      init(_ cursor: consuming WindowCursor) { self.cursor = cursor }
    }

    init(_ windows: MapWindows) { self.windows = windows }

    /// The next window, or nil after the last.
    ///
    /// - Throws: what `MapManager.cursor(for:)`, `WindowCursor.lease(at:count:)` throw; `.cancelled` if
    ///   the task is cancelled; `.fileTruncated` or `.readFailed` where bytes of an earlier window, which is gone, were missing. After
    ///   that there is nothing more.
    public mutating func next(
      isolation actor: isolated (any Actor)?
    ) async throws(MapError) -> MapWindow? {
      if isAtEnd { return nil }
      isAtEnd = true
      if let missing = missing.withLock({ $0 }) {
        throw await windows.maps.core.reason(awaiting: missing).about(.path(windows.path))
      }
      if Task.isCancelled { throw MapError(.cancelled, source: .path(windows.path)) }
      let file: Cursor
      if let open = self.file {
        file = open
      } else {
        file = Cursor(try await windows.maps.open(windows.path))
        self.file = file
      }
      guard let range = startLoads(file.cursor) else { return nil }
      var cursor = file.cursor.copy()
      try await cursor.lease(at: range.lowerBound, count: range.count)
      window += 1
      isAtEnd = false
      return MapWindow(cursor, of: missing)
    }

    /// Starts loading the next window and those to read ahead.
    ///
    /// - Returns: the next window's bytes, or nil after the last.
    private mutating func startLoads(_ cursor: borrowing WindowCursor) -> Range<Int64>? {
      let (grid, size) = (cursor.edition.grid, cursor.fileSize)
      let count = grid.count(fileSize: size)
      if window >= count { return nil }
      let last = windows.readAhead < count - window ? window + windows.readAhead : count - 1
      let end = grid.bytes(of: last, fileSize: size).upperBound
      if end > started {
        cursor.core.prefetch(cursor.edition, [started..<end])
        started = end
      }
      return grid.bytes(of: window, fileSize: size)
    }
  }
}
