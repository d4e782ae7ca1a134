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

    /// What the walk knows of the file. It shows nothing itself.
    private final class Cursor: Sendable {
      let cursor: WindowCursor
      init(_ cursor: consuming WindowCursor) { self.cursor = cursor }

      /// A cursor for a window.
      func makeCursor() -> WindowCursor { Self.another(for: cursor) }

      /// Goes on in the edition of the file in which a window was found.
      func following(_ found: borrowing WindowCursor) -> Cursor {
        found.edition === cursor.edition ? self : Cursor(Self.another(for: found))
      }

      private static func another(for cursor: borrowing WindowCursor) -> WindowCursor {
        cursor.core.reopen(cursor.edition, cursor.source, cursor.fileSize)
      }
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
      // What was read ahead may go once there is no next window.
      defer { if isAtEnd { self.file = nil } }
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
      var cursor = file.makeCursor()
      try await cursor.lease(at: range.lowerBound, count: range.count)
      self.file = file.following(cursor)
      window += 1
      isAtEnd = false
      return MapWindow(cursor, of: missing)
    }

    /// Starts loading the next window and those to read ahead.
    ///
    /// - Returns: the next window's bytes, or nil after the last.
    private mutating func startLoads(_ cursor: borrowing WindowCursor) -> Range<Int64>? {
      let (grid, size) = (cursor.edition.grid, cursor.fileSize)
      if window >= grid.count(fileSize: size) { return nil }
      unsafe cursor.core.readAhead(
        of: cursor.edition, for: cursor.state.pin, from: window, windows.readAhead, &started,
        fileSize: size)
      return grid.bytes(of: window, fileSize: size)
    }
  }
}
