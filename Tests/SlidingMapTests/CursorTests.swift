import SlidingMap
import Synchronization
import Testing

/// What Python smmap's tests ask of its cursors, and what moving between threads adds.
struct CursorTests {
  static let model = content(10 * 4096 + 11)

  @Test(arguments: Shape.small)
  func isAssociatedThenValidThenReleased(_ shape: Shape) throws {
    let scratch = try Scratch()
    let maps = shape.manager()
    let path = try scratch.write("file", Self.model)
    var cursor = try maps.cursor(for: path)
    let (source, size) = (cursor.source, cursor.fileSize)
    #expect(source == .path(path) && size == Int64(Self.model.count))
    var seen = view(cursor)
    #expect(seen == .none)
    #expect(maps.statistics.cursors == 1 && maps.statistics.pinned == 0)

    try cursor.use(at: 10, count: 20)
    seen = view(cursor)
    #expect(seen == .of(Self.model, 10..<30))
    #expect(maps.statistics.pinned == 1)

    cursor.release()
    seen = view(cursor)
    #expect(seen == .none)
    #expect(maps.statistics.pinned == 0 && maps.statistics.usage.regions == 1)
    cursor.release()

    try cursor.use(at: 10, count: 20)
    seen = view(cursor)
    #expect(seen == .of(Self.model, 10..<30))
    #expect(maps.statistics.counts.loads == 1)
  }

  @Test func aCopyKeepsItsWindowWhileTheOriginalMoves() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(budget: .fixed(regions: 2), windowSize: 4096)
    var cursor = try maps.cursor(for: scratch.write("file", Self.model))
    try cursor.use(at: 100, count: 50)
    let copy = cursor.copy()
    for window in 1..<10 {
      try cursor.use(at: Int64(window * 4096), count: 4096)
      let (moved, kept) = (view(cursor), view(copy))
      #expect(moved == .of(Self.model, window * 4096..<(window + 1) * 4096))
      #expect(kept == .of(Self.model, 100..<150))
    }
    #expect(maps.statistics.pinned == 2 && maps.statistics.counts.overshoots == 0)
    #expect(maps.statistics.cursors == 2)
    cursor.release()
    maps.collect()
    let kept = view(copy)
    #expect(kept == .of(Self.model, 100..<150))
    #expect(maps.statistics.usage.regions == 1)
  }

  @Test(arguments: Shape.small)
  func aCopyOfAnInvalidCursorIsInvalid(_ shape: Shape) throws {
    let scratch = try Scratch()
    let maps = shape.manager()
    let cursor = try maps.cursor(for: scratch.write("file", Self.model))
    var copy = cursor.copy()
    var seen = view(copy)
    #expect(seen == .none)
    try copy.use(at: 5, count: 5)
    seen = view(copy)
    #expect(seen == .of(Self.model, 5..<10))
    let original = view(cursor)
    #expect(original == .none)
  }

  @Test func assignmentEndsTheOldLease() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(windowSize: 4096)
    let other = content(9000, seed: 2)
    var cursor = try maps.cursor(for: scratch.write("file", Self.model))
    var second = try maps.cursor(for: scratch.write("other", other))
    try cursor.use(at: 0)
    try second.use(at: 5000, count: 10)
    #expect(maps.statistics.pinned == 2)
    cursor = second.copy()
    #expect(maps.statistics.pinned == 1 && maps.statistics.cursors == 2)
    let (seen, source) = (view(cursor), cursor.source)
    #expect(seen == .of(other, 5000..<5010) && source == .path(scratch["other"]))
  }

  @Test func aCursorKeepsItsManagerAlive() throws {
    let scratch = try Scratch()
    var maps: SlidingWindowMapManager? = SlidingWindowMapManager(
      budget: .fixed(regions: 2), windowSize: 4096)
    var cursor = try #require(maps).cursor(for: scratch.write("file", Self.model))
    maps = nil
    for window in (0..<10).reversed() {
      try cursor.use(at: Int64(window * 4096), count: 10)
      let seen = view(cursor)
      #expect(seen == .of(Self.model, window * 4096..<window * 4096 + 10))
    }
    let copy = cursor.copy()
    _ = consume cursor
    let seen = view(copy)
    #expect(seen == .of(Self.model, 0..<10))
    _ = consume copy
    #expect(scratch.descriptors == 0 && scratch.maps == 0)
  }

  @Test func aCursorMovesToOtherTasks() async throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(budget: .fixed(regions: 2), windowSize: 4096)
    var cursor = try maps.cursor(for: scratch.write("file", Self.model))
    try cursor.use(at: 0, count: 100)
    let parcel = Parcel(cursor)
    let seen = try await Task.detached {
      var cursor = parcel.open()
      let before = view(cursor)
      try cursor.use(at: 4096, count: 100)
      return [before, view(cursor)]
    }.value
    #expect(seen == [.of(Self.model, 0..<100), .of(Self.model, 4096..<4196)])
    #expect(maps.statistics.pinned == 0 && maps.statistics.cursors == 0)
  }

  @Test func aCursorMovesFromThreadToThread() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(budget: .fixed(regions: 3), windowSize: 4096)
    let parcel = Parcel(try maps.cursor(for: scratch.write("file", Self.model)))
    for round in 0..<20 {
      try onThreads(1) { _ in
        var cursor = parcel.open()
        let offset = round * 7919 % (Self.model.count - 100)
        try cursor.use(at: Int64(offset), count: 100)
        let seen = view(cursor)
        #expect(seen == .of(Self.model, offset..<offset + 100))
        parcel.close(cursor)
      }
    }
  }

  @Test func cursorsAreCounted() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager()
    let path = try scratch.write("file", Self.model)
    #expect(maps.statistics.cursors == 0)
    do {
      let first = try maps.cursor(for: path)
      let second = first.copy()
      #expect(maps.statistics.cursors == 2 && maps.statistics.files == 1)
      _ = consume second
      #expect(maps.statistics.cursors == 1)
      _ = consume first
    }
    #expect(maps.statistics.cursors == 0 && maps.statistics.files == 0)
    #expect(maps.statistics.usage.handles == 0 && maps.statistics.usage.maps == 0)
  }

  @Test func refreshWithoutAChangeKeepsTheLease() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(windowSize: 4096)
    var cursor = try maps.cursor(for: scratch.write("file", Self.model))
    try cursor.use(at: 4000, count: 200)
    try cursor.refresh()
    let seen = view(cursor)
    #expect(seen == .of(Self.model, 4000..<4200))
    #expect(maps.statistics.pinned == 2)
  }
}

/// Hands a cursor over to whoever opens it.
final class Parcel: Sendable {
  private let content: Mutex<WindowCursor?>
  init(_ cursor: consuming sending WindowCursor) { content = Mutex(cursor) }
  func open() -> WindowCursor { content.withLock { $0.take()! } }
  func close(_ cursor: consuming sending WindowCursor) {
    var cursor: WindowCursor? = consume cursor
    content.withLock { $0 = cursor.take() }
  }
}
