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
    #expect(other.withLock { $0 } != nil)
    #expect(size == 30_000)
    #expect(seen == .of(Self.new, 29_900..<30_000))
  }
}
