import SlidingMap
import SystemPackage
import Testing

/// Files that are replaced, shrink and go while they are read.
struct ChangeTests {
  static let old = content(40_000, seed: 1)
  static let new = content(30_000, seed: 2)

  @Test(arguments: Shape.small)
  func aReplacedFileServesOldCursorsAndNew(_ shape: Shape) throws {
    let scratch = try Scratch()
    let maps = shape.manager()
    let path = try scratch.write("file", Self.old)
    var first = try maps.cursor(for: path)
    try first.use(at: 5000, count: 100)
    try scratch.replace("file", by: Self.new)
    var second = try maps.cursor(for: path)
    try second.use(at: 5000, count: 100)
    var (one, two) = (view(first), view(second))
    #expect(one == .of(Self.old, 5000..<5100) && two == .of(Self.new, 5000..<5100))
    #expect(maps.statistics.files == 2)

    // Also when nothing is loaded any more and idle handles were closed.
    first.release()
    second.release()
    #expect(maps.collect() == 2)
    try first.use(at: 20_000)
    try second.use(at: 20_000)
    let (shownFirst, shownSecond) = (
      shows(first.bytes, Self.old, at: 20_000), shows(second.bytes, Self.new, at: 20_000)
    )
    #expect(shownFirst && shownSecond)
    try first.refresh()
    let size = first.fileSize
    #expect(size == 40_000)
    try first.use(at: 39_000)
    (one, two) = (view(first), view(second))
    #expect(one == .of(Self.old, 39_000..<40_000))
  }

  /// Windows that grow while they are pinned are charged when that is first seen, or not seen.
  @Test(arguments: [true, false])
  func growthOfPinnedWindowsKeepsAHardBudget(_ byRefresh: Bool) throws {
    let scratch = try Scratch()
    let (window, size, limit) = (65_536, 16_384, 5 * 16_384)
    let maps = SlidingWindowMapManager(
      backend: .mmap, budget: .fixed(bytes: limit, isHard: true), windowSize: window)
    let held = try (0..<4).map { index in
      let held = Held(
        try maps.cursor(for: scratch.write("\(index)", content(size, seed: UInt64(index)))))
      try held.cursor.use(at: 0, count: size)
      return held
    }
    var errors = 0
    for (index, held) in held.enumerated() {
      try scratch.append("\(index)", content(size))
      let error = mapError {
        if byRefresh { return try held.cursor.refresh() }
        _ = try maps.cursor(for: scratch["\(index)"])
      }
      let statistics = maps.statistics
      #expect(statistics.usage.bytes <= limit && statistics.peak.bytes <= limit)
      if error == nil {
        if !byRefresh { try held.cursor.refresh() }
        #expect(held.cursor.fileSize == 32_768)
        continue
      }
      errors += 1
      #expect(error?.code == .budgetExhausted)
      // Nothing is lost.
      #expect(held.cursor.fileSize == 16_384)
      #expect(view(held.cursor) == .of(content(size, seed: UInt64(index)), 0..<size))
    }
    #expect(errors == 3 && maps.statistics.counts.overshoots == 0)
    held[0].cursor.release()
    // What is not pinned makes room.
    try held[3].cursor.refresh()
    #expect(held[3].cursor.fileSize == 32_768)
    #expect(maps.statistics.usage.bytes == 4 * size && scratch.descriptors <= 4)
  }

  /// Unless that is pinned, a window larger than the budget leaves.
  @Test func aFileThatOutgrowsAHardBudgetCanBeRefreshed() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(
      backend: .mmap, budget: .fixed(bytes: 8192, isHard: true), windowSize: 65_536)
    var cursor = try maps.cursor(for: scratch.write("file", content(4096)))
    try cursor.use(at: 0, count: 1)
    cursor.release()
    try scratch.append("file", content(40_960))
    try cursor.refresh()
    let size = cursor.fileSize
    #expect(size == 45_056 && maps.statistics.usage.regions == 0)
    #expect(mapError { try cursor.use(at: 0, count: 1) }?.code == .budgetExhausted)
  }

  @Test(arguments: Shape.small)
  func truncationIsSeenByNewCursorsAndRefresh(_ shape: Shape) throws {
    let scratch = try Scratch()
    let maps = shape.manager()
    let path = try scratch.write("file", Self.old)
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 0, count: 9000)
    var far = try maps.cursor(for: path)
    try far.use(at: 8000, count: 100)
    try scratch.resize("file", to: 5000)
    var fresh = try maps.cursor(for: path)
    let size = fresh.fileSize
    #expect(size == 5000)
    let past = try fresh.use(at: 5000)
    #expect(!past)
    try fresh.use(at: 4000)
    var seen = view(fresh)
    #expect(seen.bytes.prefix(96) == Self.old[4000..<4096])

    try cursor.refresh()
    seen = view(cursor)
    #expect(seen == .of(Self.old, 0..<5000))
    try far.refresh()
    seen = view(far)
    #expect(seen == .none)
    for offset: Int64 in [5000, 8000, 39_999] {
      let inside = try cursor.use(at: offset, count: 1)
      #expect(!inside)
    }
    try cursor.use(at: 0, count: 9000)
    seen = view(cursor)
    #expect(seen == .of(Self.old, 0..<5000))
  }

  @Test(arguments: Shape.small)
  func aDeletedFileGoesOn(_ shape: Shape) throws {
    let scratch = try Scratch()
    let maps = shape.manager(.fixed(regions: 2))
    var cursor = try maps.cursor(for: scratch.write("file", Self.old))
    try scratch.remove("file")
    maps.collect()
    for offset in [0, 30_000, 10_000] {
      try cursor.use(at: Int64(offset), count: 5000)
      let seen = view(cursor)
      #expect(seen == .of(Self.old, offset..<offset + 5000))
    }
    try cursor.refresh()
    let size = cursor.fileSize
    #expect(size == 40_000)
    #expect(throws: MapError.self) { _ = try maps.cursor(for: scratch["file"]) }
    #expect(scratch.maps == 1)
    _ = consume cursor
    maps.collect()
    #expect(scratch.maps == 0 && scratch.descriptors == 0)
  }

  @Test(arguments: Shape.small)
  func aDescriptorMayBeClosed(_ shape: Shape) throws {
    let scratch = try Scratch()
    let maps = shape.manager()
    let path = try scratch.write("file", Self.old)
    let descriptor = try FileDescriptor.open(path, .readOnly)
    try descriptor.seek(offset: 123, from: .start)
    var cursor = try maps.cursor(for: descriptor)
    #expect(try descriptor.seek(offset: 0, from: .current) == 123)
    try descriptor.close()
    let source = cursor.source
    #expect(source == .descriptor(descriptor) && source.path == nil)
    for offset in [0, 30_000, 10_000] {
      try cursor.use(at: Int64(offset), count: 5000)
      let seen = view(cursor)
      #expect(seen == .of(Self.old, offset..<offset + 5000))
      cursor.release()
      maps.collect()
    }
    // The same file by path shares what there is.
    _ = try maps.cursor(for: path)
    #expect(maps.statistics.files == 1 && scratch.maps == 1)
  }

  /// As `rsync --inplace --times` and `touch -r` do.
  @Test(arguments: BackendKind.allCases)
  func aWriteIsSeenByNewCursorsThoughItsTimeWasPutBack(_ backend: BackendKind) throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(backend: try backend.make(), windowSize: 4096)
    let path = try scratch.write("file", Self.old)
    let before = try scratch.times(of: "file")
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 0, count: 100)
    cursor.release()
    let changed = content(40_000, seed: 9)
    // Again until the clock of the file system has ticked.
    repeat {
      try scratch.write("file", changed)
      try scratch.setModificationTime(of: "file", to: before.modification)
    } while try scratch.times(of: "file").change == before.change
    var fresh = try maps.cursor(for: path)
    try fresh.use(at: 0, count: 100)
    let seen = view(fresh)
    #expect(seen == .of(changed, 0..<100))
  }

  @Test func hardAndSymbolicLinksShareRegions() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(windowSize: 4096)
    try scratch.write("file", Self.old)
    try scratch.hardLink("file", as: "hard")
    try scratch.symbolicLink("file", as: "symbolic")
    let descriptor = try FileDescriptor.open(scratch["hard"], .readOnly)
    defer { try? descriptor.close() }
    for name in ["file", "hard", "symbolic"] {
      var cursor = try maps.cursor(for: scratch[name])
      try cursor.use(at: 100, count: 100)
      let seen = view(cursor)
      #expect(seen == .of(Self.old, 100..<200))
    }
    var cursor = try maps.cursor(for: descriptor)
    try cursor.use(at: 0)
    let statistics = maps.statistics
    #expect(statistics.counts.loads == 1 && statistics.files == 1 && statistics.usage.maps == 1)
    cursor.release()
    // Known by any of its names.
    #expect(maps.unload(under: scratch["symbolic"]) == 1)
  }

  /// What nobody holds is a new file under its old name, even if its number is the same.
  @Test func windowsOfAGoneFileAreNotReused() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(windowSize: 4096)
    for seed in 0..<20 {
      let model = content(9000, seed: UInt64(seed))
      let path = try scratch.write("file", model)
      var cursor = try maps.cursor(for: path)
      try cursor.use(at: 0, count: 9000)
      let seen = view(cursor)
      #expect(seen == .of(model, 0..<9000))
      try scratch.remove("file")
    }
    #expect(scratch.maps <= 20)
    maps.collect()
    #expect(scratch.maps == 0)
  }
}
