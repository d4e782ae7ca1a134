import SlidingMap

/// A cursor on a file that changes, which knows what it may show.
struct ChangesReader: ~Copyable {
  private var cursor: WindowCursor
  private(set) var file: SeenFile
  private let tally: ChangesTally

  /// - Parameter file: noted before.
  init(_ maps: MapManager, _ file: SeenFile, _ tally: ChangesTally) throws {
    let cursor = try maps.cursor(for: file.path)
    var file = file
    try file.open(size: Int(cursor.fileSize))
    self.init(cursor, file, tally)
  }

  private init(_ cursor: consuming WindowCursor, _ file: SeenFile, _ tally: ChangesTally) {
    self.cursor = cursor
    self.file = file
    self.tally = tally
  }

  var fileSize: Int { Int(cursor.fileSize) }

  /// A copy, which shows what the original does.
  func copy() throws -> ChangesReader {
    let copy = ChangesReader(cursor.copy(), file, tally)
    if copy.cursor.range != cursor.range || copy.cursor.isValid != cursor.isValid {
      throw ChangesMismatch("a copy shows \(copy.cursor.range), not \(cursor.range)", file)
    }
    return copy
  }

  /// Uses a range, looks at it, and asks whether that is to be believed.
  mutating func use(at offset: Int, count: Int) throws {
    let isInside = try cursor.use(at: Int64(offset), count: count)
    try checkRange(isInside, offset, count)
    try look()
  }

  /// The same by `withBytes`.
  mutating func useWithBytes(at offset: Int, count: Int) throws {
    let expected = max(min(count, fileSize - offset), 0)
    var file = file
    let isCopying = tally.isCopying
    let (seen, found) = try cursor.withBytes(at: Int64(offset), count: count) { bytes in
      (file.judge(bytes, from: offset, isCopy: isCopying), bytes.byteCount)
    }
    self.file = file
    if found != expected {
      throw ChangesMismatch("withBytes at \(offset), \(count) bytes: \(found)", file)
    }
    try tally.take(seen, file)
  }

  /// Awaits a range, and looks at it.
  mutating func lease(at offset: Int, count: Int) async throws {
    let isInside = try await cursor.lease(at: Int64(offset), count: count)
    try checkRange(isInside, offset, count)
    try look()
  }

  /// Looks at what the cursor shows since its last use.
  mutating func look() throws {
    if !cursor.isValid { return try cursor.check() }
    let start = Int(cursor.range.lowerBound)
    var file = file
    let seen = file.judge(cursor.bytes, from: start, isCopy: tally.isCopying)
    try cursor.check()
    self.file = file
    try tally.take(seen, file)
  }

  mutating func release() throws {
    cursor.release()
    if cursor.isValid || !cursor.bytes.isEmpty {
      throw ChangesMismatch("released, but valid", file)
    }
  }

  /// Looks at the file's size again: nothing older may be seen from then on.
  mutating func refresh() throws {
    let ended = file.ended
    try cursor.refresh()
    try file.refresh(since: ended, size: fileSize)
    if !cursor.range.isEmpty && cursor.range.upperBound > cursor.fileSize {
      throw ChangesMismatch("refreshed, but \(cursor.range) of \(fileSize) bytes", file)
    }
    try look()
  }

  private func checkRange(_ isInside: Bool, _ offset: Int, _ count: Int) throws {
    let expected = offset < fileSize ? offset..<min(offset + count, fileSize) : 0..<0
    guard isInside == (offset < fileSize), isInside == cursor.isValid,
      cursor.bytes.byteCount == expected.count,
      !isInside || cursor.range == Int64(expected.lowerBound)..<Int64(expected.upperBound)
    else {
      throw ChangesMismatch("at \(offset), \(count) bytes: \(isInside), \(cursor.range)", file)
    }
  }
}
