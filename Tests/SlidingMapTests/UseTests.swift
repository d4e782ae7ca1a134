import SlidingMap
import Testing

/// What `use` shows, for every offset and count that could go wrong.
struct UseTests {
  @Test(arguments: Shape.all)
  func showsExactlyWhatTheFileHas(_ shape: Shape) throws {
    let scratch = try Scratch()
    let window = shape.windowSize ?? 65536
    let maps = shape.manager()
    for size in [0, 1, window - 1, window, window + 1, 3 * window + 17] {
      let model = content(size, seed: UInt64(size))
      let path = try scratch.write("\(size)", model)
      var cursor = try maps.cursor(for: path)
      let known = cursor.fileSize
      #expect(known == Int64(size))
      for offset in Self.offsets(window, size) {
        for count in Self.counts(window, size) {
          // One cursor that comes from everywhere, and one that starts here.
          let moved = try cursor.use(at: offset, count: count)
          Self.check(cursor, moved, offset, count, model)
          var fresh = try maps.cursor(for: path)
          let used = try fresh.use(at: offset, count: count)
          Self.check(fresh, used, offset, count, model)
        }
        let moved = try cursor.use(at: offset)
        let place = min(Int(offset), size)
        let end = shape.windowSize.map { (place / $0 + 1) * $0 } ?? size
        Self.check(cursor, moved, offset, min(end, size) - place, model)
      }
    }
    #expect(maps.statistics.pinned == 0)
  }

  private static func offsets(_ window: Int, _ size: Int) -> [Int64] {
    let near = [
      0, 1, window - 1, window, window + 1, 2 * window, size - 1, size, size + 1, size * 2,
    ]
    return Set(near.filter { $0 >= 0 }.map { Int64($0) } + [.max, .max - 4096]).sorted()
  }

  private static func counts(_ window: Int, _ size: Int) -> [Int] {
    Set([0, 1, 2, window - 1, window, window + 1, 2 * window, 3 * window, size, size + 1, .max])
      .sorted()
  }

  private static func check(
    _ cursor: borrowing WindowCursor, _ used: Bool, _ offset: Int64, _ count: Int, _ model: [UInt8],
    _ location: SourceLocation = #_sourceLocation
  ) {
    let (isValid, range) = (cursor.isValid, cursor.range)
    let shown = shows(cursor.bytes, model, at: Int(clamping: range.lowerBound))
    let byteCount = cursor.bytes.byteCount
    let isInside = offset < Int64(model.count)
    let expected = isInside ? min(count, model.count - Int(offset)) : 0
    let isRight =
      used == isInside && isValid == isInside && byteCount == expected && shown
      && range == (isInside ? offset..<offset + Int64(expected) : 0..<0)
    #expect(
      isRight,
      "use(at: \(offset), count: \(count)) of \(model.count): \(used), \(isValid), \(range), \(shown)",
      sourceLocation: location)
  }

  @Test(arguments: Shape.all)
  func pastTheEndNothingIsPinned(_ shape: Shape) throws {
    let scratch = try Scratch()
    let maps = shape.manager()
    var cursor = try maps.cursor(for: scratch.write("file", content(100)))
    try cursor.use(at: 0)
    #expect(maps.statistics.pinned == 1)
    let again = try cursor.use(at: 100, count: 1)
    let seen = view(cursor)
    #expect(!again && seen == .none)
    #expect(maps.statistics.pinned == 0)
  }

  @Test(arguments: Shape.all)
  func nothingOfAnEmptyFile(_ shape: Shape) throws {
    let scratch = try Scratch()
    let maps = shape.manager()
    var cursor = try maps.cursor(for: scratch.write("empty", []))
    for count in [0, 1, Int.max] {
      let used = try cursor.use(at: 0, count: count)
      let seen = view(cursor)
      #expect(!used && seen == .none)
    }
    let used = try cursor.use(at: 0)
    #expect(!used)
    let statistics = maps.statistics
    #expect(statistics.pinned == 0 && statistics.usage.regions == 0 && statistics.usage.maps == 0)
  }

  @Test(arguments: Shape.all)
  func aCountOfNoneNeedsNoWindow(_ shape: Shape) throws {
    let scratch = try Scratch()
    let maps = shape.manager()
    let path = try scratch.write("file", content(10_000))
    for offset: Int64 in [0, 1, 4096, 9_999] {
      var cursor = try maps.cursor(for: path)
      let used = try cursor.use(at: offset, count: 0)
      let seen = view(cursor)
      #expect(used && seen == View(isValid: true, range: offset..<offset, bytes: []))
    }
    #expect(maps.statistics.counts.loads == 0 && maps.statistics.pinned == 0)
  }

  /// A failure after some windows of a request were loaded must not leave them pinned.
  @Test func aFailedUseLeavesNothingPinned() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(
      budget: .fixed(regions: 3, isHard: true), windowSize: 4096)
    let model = content(100_000)
    var cursor = try maps.cursor(for: scratch.write("file", model))
    try cursor.use(at: 0, count: 3 * 4096)
    #expect(throws: MapError.self) { try cursor.use(at: 0, count: 3 * 4096 + 1) }
    let seen = view(cursor)
    #expect(seen == .none)
    #expect(maps.statistics.pinned == 0)
    try cursor.use(at: 5000, count: 8000)
    let after = view(cursor)
    #expect(after == .of(model, 5000..<13000))
  }

  @Test func errorsNameFileAndRange() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(
      budget: .fixed(regions: 1, isHard: true), windowSize: 4096)
    let path = try scratch.write("file", content(100_000))
    var cursor = try maps.cursor(for: path)
    let error = mapError { try cursor.use(at: 4000, count: 1000) }
    #expect(error == MapError(.budgetExhausted, source: .path(path), range: 4000..<5000))
    let missing = mapError { _ = try maps.cursor(for: scratch["missing"]) }
    #expect(missing?.code == .openFailed && missing?.errno == .noSuchFileOrDirectory)
    #expect(missing?.source == .path(scratch["missing"]))
  }

  @Test func withBytesShowsTheSame() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(windowSize: 4096)
    let model = content(20_000)
    var cursor = try maps.cursor(for: scratch.write("file", model))
    let bytes = try cursor.withBytes(at: 4000, count: 9000) { array($0) }
    #expect(bytes == Array(model[4000..<13_000]))
    let none = try cursor.withBytes(at: 20_000, count: 1) { $0.byteCount }
    #expect(none == 0)
  }

  /// Wider than the twelve bits in which a pin counts windows.
  @Test func oneUseMaySpanThousandsOfWindows() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(budget: .unlimited, windowSize: 4096)
    let path = try scratch.resize("sparse", to: 4096 * 6000)
    var cursor = try maps.cursor(for: path)
    for count in [4094, 4095, 4096, 5999] {
      try cursor.use(at: 4096, count: 4096 * count)
      let shown = cursor.bytes.byteCount
      #expect(shown == 4096 * count)
      #expect(maps.statistics.pinned == count)
      #expect(maps.collect() <= 6000 - count)
      #expect(maps.statistics.usage.regions == count)
    }
  }
}
