import SlidingMap

/// A cursor that knows what it should show.
struct SoakReader: ~Copyable {
  private var cursor: WindowCursor
  let file: SoakFile
  /// The file's when it was opened or found to have grown.
  private(set) var stamp: Int
  private let seed: UInt64

  /// - Parameter stamp: the file's before.
  init(_ maps: MapManager, _ file: SoakFile, _ stamp: Int) throws {
    let cursor = try maps.cursor(for: file.path)
    let seed = try file.seed(shown: Int(cursor.fileSize))
    self.init(cursor, file, stamp, seed)
  }

  private init(
    _ cursor: consuming WindowCursor, _ file: SoakFile, _ stamp: Int, _ seed: UInt64
  ) {
    self.cursor = cursor
    self.file = file
    self.stamp = stamp
    self.seed = seed
  }

  var fileSize: Int { Int(cursor.fileSize) }

  /// A copy, which shows what the original does.
  func copy() throws -> SoakReader {
    let copy = SoakReader(cursor.copy(), file, stamp, seed)
    guard copy.cursor.range == cursor.range, copy.cursor.isValid == cursor.isValid else {
      throw SoakMismatch("a copy shows \(copy.cursor.range), not \(cursor.range)", file)
    }
    try copy.look()
    return copy
  }

  /// Uses a range and checks each byte of it.
  mutating func use(at offset: Int, count: Int) throws {
    let isInside = try cursor.use(at: Int64(offset), count: count)
    try check(isInside, offset, count)
  }

  /// Uses the rest of the window.
  mutating func use(at offset: Int, windowSize: Int) throws {
    let isInside = try cursor.use(at: Int64(offset))
    try check(isInside, offset, windowSize - offset % windowSize)
  }

  /// The same by `withBytes`, and lets go.
  mutating func useWide(at offset: Int, count: Int) throws {
    let expected = max(min(count, fileSize - offset), 0)
    let seed = seed
    let isRight = try cursor.withBytes(at: Int64(offset), count: count) { bytes in
      bytes.byteCount == expected && bytes.followsPattern(from: offset, seed: seed)
    }
    if !isRight { throw SoakMismatch("withBytes at \(offset), \(count) bytes", file) }
    cursor.release()
  }

  /// Awaits a range, and looks at it.
  mutating func lease(at offset: Int, count: Int) async throws {
    try await cursor.lease(at: Int64(offset), count: count)
    try use(at: offset, count: count)
  }

  /// Checks what the cursor shows since its last use.
  func look() throws {
    let range = cursor.range
    if range.count == cursor.bytes.byteCount,
      cursor.bytes.followsPattern(from: Int(range.lowerBound), seed: seed)
    {
      return
    }
    throw SoakMismatch("still leased: \(range)", file)
  }

  mutating func release() throws {
    cursor.release()
    if cursor.isValid || !cursor.bytes.isEmpty { throw SoakMismatch("released, but valid", file) }
  }

  /// Looks at the file's size again.
  mutating func refresh() throws {
    let (now, old) = (file.stamp, cursor.fileSize)
    try cursor.refresh()
    if cursor.fileSize < old || file.kind != .growing && cursor.fileSize != old {
      throw SoakMismatch("of \(old) bytes, refreshed \(cursor.fileSize)", file)
    }
    if cursor.fileSize > old { stamp = now }
    try look()
  }

  private func check(_ isInside: Bool, _ offset: Int, _ count: Int) throws {
    let expected = offset < fileSize ? offset..<min(offset + count, fileSize) : 0..<0
    guard isInside == (offset < fileSize), isInside == cursor.isValid,
      cursor.bytes.byteCount == expected.count,
      !isInside || cursor.range == Int64(expected.lowerBound)..<Int64(expected.upperBound)
    else {
      throw SoakMismatch("at \(offset), \(count) bytes: \(isInside), \(cursor.range)", file)
    }
    if !cursor.bytes.followsPattern(from: offset, seed: seed) {
      throw SoakMismatch("at \(offset), \(count) bytes: other bytes", file)
    }
  }
}
