import SlidingMap

/// Reads through cursors, one a file; the one left behind lets go, as a program that has moved on would.
final class CursorReader: Reader, @unchecked Sendable {
  private let cursors: OwnedPlaces<WindowCursor>

  init(_ maps: MapManager, _ files: [FoundFile]) throws {
    cursors = try OwnedPlaces(count: files.count) { try maps.cursor(for: files[$0].path) }
  }

  override func perform(_ accesses: ArraySlice<Access>) throws {
    let cursors = unsafe cursors.start
    var current = 0
    try drive(accesses) { file, offset in
      if file != current {
        unsafe cursors[current].release()
        current = file
      }
      try unsafe cursors[file].use(at: Int64(offset), count: Access.byteCount)
      return unsafe cursors[file].bytes.fourWords(at: 0)
    }
    unsafe cursors[current].release()
  }
}
