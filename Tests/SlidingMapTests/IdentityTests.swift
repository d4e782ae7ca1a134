import SlidingMap
import SystemPackage
import Testing

/// A cursor keeps reading the file it was made for, whatever becomes of its path.
struct IdentityTests {
  static let old = content(40_000, seed: 1)
  static let new = content(30_000, seed: 2)
  static let more = content(1_000_000, seed: 3)

  /// Growth past the room in memory must not move the cursor to the file that has the path by now.
  @Test func aReplacedFileThatGrowsFarStaysTheOldOne() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(windowSize: 4096)
    var cursor = try maps.cursor(for: scratch.write("file", Self.old))
    try scratch.move("file", to: "moved")
    try scratch.write("file", Self.new)
    try scratch.append("moved", Self.more)
    try cursor.refresh()
    let size = cursor.fileSize
    try cursor.use(at: 29_900, count: 100)
    let seen = view(cursor)
    #expect(size == 1_040_000)
    #expect(seen == .of(Self.old, 29_900..<30_000))
  }

  @Test func aClosedDescriptorsFileGrowsFar() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(windowSize: 4096)
    let descriptor = try FileDescriptor.open(scratch.write("file", Self.old), .readOnly)
    var cursor = try maps.cursor(for: descriptor)
    try descriptor.close()
    try scratch.append("file", Self.more)
    let error = mapError { try cursor.refresh() }
    let size = cursor.fileSize
    #expect(error == nil)
    #expect(size == 1_040_000)
  }

  /// Handles have room, so the file must keep one when its map goes.
  @Test func aFileKeepsAMapOrADescriptor() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(budget: .fixed(maps: 1), windowSize: 4096)
    var cursor = try maps.cursor(for: scratch.write("file", Self.old))
    maps.collect()
    try scratch.replace("file", by: Self.new)
    _ = try maps.cursor(for: scratch.write("other", Self.new))
    let error = mapError { try cursor.use(at: 0, count: 100) }
    let seen = view(cursor)
    #expect(error == nil)
    #expect(seen == .of(Self.old, 0..<100))
  }

  enum Fate: CaseIterable, Sendable { case moved, replaced, removed }

  @Test(arguments: BackendKind.withTellingHandles, Fate.allCases)
  func growthIsSeenWhateverBecameOfThePath(_ backend: BackendKind, _ fate: Fate) throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(backend: try backend.make(), windowSize: 4096)
    var cursor = try maps.cursor(for: scratch.write("file", Self.old))
    try cursor.use(at: 0, count: 1)
    try scratch.hardLink("file", as: "link")
    switch fate {
    case .moved: try scratch.move("file", to: "moved")
    case .replaced: try scratch.replace("file", by: Self.new)
    case .removed: try scratch.remove("file")
    }
    try scratch.append("link", Self.new)
    try cursor.refresh()
    let size = cursor.fileSize
    #expect(size == 70_000)
    try cursor.use(at: 39_900, count: 200)
    let seen = view(cursor)
    #expect(seen == .of(Self.old + Self.new, 39_900..<40_100))
    #expect(scratch.descriptors <= 1)
  }

  /// The path of the first cursor leads elsewhere by now, another one's to the file.
  @Test(arguments: BackendKind.allCases, [false, true])
  func eachCursorsOwnPathCounts(_ backend: BackendKind, _ isByDescriptor: Bool) throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(backend: try backend.make(), windowSize: 4096)
    let path = try scratch.write("file", Self.old)
    try scratch.hardLink("file", as: "first")
    let first: Held
    if isByDescriptor {
      let descriptor = try FileDescriptor.open(path, .readOnly)
      first = Held(try maps.cursor(for: descriptor))
      try descriptor.close()
    } else {
      first = Held(try maps.cursor(for: scratch["first"]))
    }
    var mine = try maps.cursor(for: path)
    try mine.use(at: 0, count: 1)
    try scratch.replace("first", by: Self.new)
    try scratch.append("file", Self.more)
    try first.cursor.refresh()
    #expect(first.cursor.fileSize == 1_040_000)
    // With it goes what the file was opened by anew.
    first.cursor = try maps.cursor(for: scratch["first"])
    maps.collect()
    try mine.refresh()
    let size = mine.fileSize
    #expect(size == 1_040_000)
    try mine.use(at: 1_000_000, count: 100)
    let seen = view(mine)
    #expect(seen == .of(Self.old + Self.more, 1_000_000..<1_000_100))
  }

  /// Who refreshes first takes the descriptor along, but not away.
  @Test(arguments: BackendKind.withTellingHandles, [false, true])
  func cursorsOfAClosedDescriptorGrowOneAfterTheOther(
    _ backend: BackendKind, _ firstEnds: Bool
  ) throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(backend: try backend.make(), windowSize: 4096)
    let descriptor = try FileDescriptor.open(scratch.write("file", Self.old), .readOnly)
    let cursors = try (0..<3).map { _ in Held(try maps.cursor(for: descriptor)) }
    try descriptor.close()
    try scratch.append("file", Self.more)
    for held in cursors {
      try held.cursor.refresh()
      #expect(held.cursor.fileSize == 1_040_000)
      if firstEnds {
        held.cursor = try maps.cursor(for: scratch.write("other", Self.new))
        maps.collect()
      }
    }
    #expect(scratch.descriptors <= 2)
  }

  /// Neither descriptor nor path: the size as it was would be a guess.
  @Test func refreshThrowsWhereNobodyCanTell() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(
      backend: .mmap, budget: .fixed(handles: 1), windowSize: 4096)
    var cursor = try maps.cursor(for: scratch.write("file", Self.old))
    try cursor.use(at: 0, count: 100)
    try scratch.move("file", to: "moved")
    try scratch.append("moved", Self.more)
    // Takes the only descriptor.
    let other = try maps.cursor(for: scratch.write("file", Self.new))
    let error = mapError { try cursor.refresh() }
    #expect(error?.code == .fileChanged)
    // The lease and the size stay.
    let (seen, size) = (view(cursor), cursor.fileSize)
    #expect(seen == .of(Self.old, 0..<100) && size == 40_000)
    // By another path to the same file one can.
    let third = try maps.cursor(for: scratch["moved"])
    try cursor.refresh()
    let (after, known) = (cursor.fileSize, third.fileSize)
    #expect(after == 1_040_000 && known == 1_040_000)
    _ = other.fileSize
  }

  /// Without a map each load needs the file open.
  @Test func aFileIsOpenedAnewByAnyPathThatLeadsThere() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(
      backend: .pread, budget: .fixed(handles: 1), windowSize: 4096)
    let path = try scratch.write("file", Self.old)
    let descriptor = try FileDescriptor.open(path, .readOnly)
    let first = Held(try maps.cursor(for: descriptor))
    try descriptor.close()
    try scratch.symbolicLink("file", as: "link")
    let second = Held(try maps.cursor(for: scratch["link"]))
    let third = Held(try maps.cursor(for: path))
    // A link may lead elsewhere without a change of the file.
    try scratch.replace("link", by: Self.new)
    // Takes the only descriptor.
    _ = try maps.cursor(for: scratch.write("other", Self.new))
    for (index, held) in [first, second, third].enumerated() {
      try held.cursor.use(at: Int64(index * 8192), count: 100)
      #expect(view(held.cursor) == .of(Self.old, index * 8192..<index * 8192 + 100))
    }
  }

  /// Between the look at a path and the manager's lock the file is deleted, and its number goes to another file that the
  /// manager opens.
  @Test func aNumberThatWentToAnotherFileIsNotTakenForThePaths() throws {
    let turn = Locked<(SlidingWindowMapManager, MemoryProvider)?>(nil)
    let other = Locked<Held?>(nil)
    let provider = MemoryProvider(["/memory/file": Self.old]) { _ in
      nil
    } afterLook: { path in
      guard path == "/memory/file", let (maps, provider) = turn.withLock({ $0.take() }) else {
        return
      }
      provider["/memory/file"] = nil
      provider["/memory/other"] = Self.more
      // Written again, so that it changed after the deleted one was looked at.
      provider["/memory/other"] = Self.more
      let held = Held(try maps.cursor(for: "/memory/other"))
      other.withLock { $0 = held }
      provider["/memory/file"] = Self.new
    }
    let maps = SlidingWindowMapManager(backend: provider, windowSize: 4096)
    turn.withLock { $0 = (maps, provider) }
    var cursor = try maps.cursor(for: "/memory/file")
    let size = cursor.fileSize
    try cursor.use(at: 29_900, count: 4096)
    let seen = view(cursor)
    // Whoever holds it is held by it.
    #expect(other.withLock { $0.take() } != nil)
    #expect(size == 30_000)
    #expect(seen == .of(Self.new, 29_900..<30_000))
  }
}
