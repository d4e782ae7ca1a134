import SlidingMap
import SystemPackage
import Testing

/// Readers that know one file in different versions.
struct VersionTests {
  private static let old = content(60_000)
  private static let new = content(60_000, seed: 2)
  private static let copying: [BackendKind] = [.uring, .direct, .pread]

  /// Writes over a file and puts its modification time back, until its change time has ticked.
  private func writeInSecret(_ scratch: Scratch) throws {
    let before = try scratch.times(of: "file")
    repeat {
      try scratch.write("file", Self.new)
      try scratch.setModificationTime(of: "file", to: before.modification)
    } while try scratch.times(of: "file").change == before.change
  }

  /// What a cursor shows of a shortened file lies in the file's own addresses, also where these were given up and had anew, shorter.
  @Test(arguments: [true, false])
  func aCursorThatKnowsALongerFileStaysInItsAddresses(_ isStatic: Bool) throws {
    let scratch = try Scratch()
    let budget = FixedBudget.fixed(addresses: (1 << 20) + 65_536)
    let maps: MapManager =
      isStatic
      ? StaticWindowMapManager(backend: .mmap, budget: budget)
      : SlidingWindowMapManager(backend: .mmap, budget: budget, windowSize: 65_536)
    let path = try scratch.write("file", content(1 << 20))
    let other = try scratch.write("other", content(1 << 20))
    var cursor = try maps.cursor(for: path)
    try scratch.resize("file", to: 100_000)
    #expect(try maps.cursor(for: path).fileSize == 100_000)
    // Takes the file's addresses, and leaves them again.
    do {
      var taker = try maps.cursor(for: other)
      try taker.use(at: 0, count: 1)
    }
    maps.unload(under: other)
    var present = try maps.cursor(for: path)
    try present.use(at: 0, count: 10)
    #expect(maps.statistics.usage.addresses < 1 << 20)
    let error = mapError { try cursor.use(at: 65_536, count: 65_536) }
    #expect(error?.code == .fileTruncated && error?.range?.lowerBound == 65_536)
    let farther = mapError { try cursor.use(at: 1_000_000, count: 1) }
    #expect(farther?.code == .fileTruncated)
    try cursor.use(at: 65_536, count: 1000)
    #expect(view(cursor).bytes == Array(content(1 << 20)[65_536..<66_536]))
  }

  @Test func whatATaskWaitsForEndsWithTheFile() async throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(backend: .mmap, windowSize: 65_536)
    let path = try scratch.write("file", content(1 << 20))
    let cursor = try maps.cursor(for: path)
    try scratch.resize("file", to: 100_000)
    #expect(try maps.cursor(for: path).fileSize == 100_000)
    var code: MapError.Code?
    do { try await cursor.ready(at: 65_536, count: 65_536) } catch { code = error.code }
    #expect(code == .fileTruncated)
    try await cursor.ready(at: 65_536, count: 1000)
  }

  /// As `rsync --inplace --times` and `touch -r` do.
  @Test(arguments: copying, [false, true])
  func aLeaseIsOfOneVersion(_ kind: BackendKind, _ isHeld: Bool) throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(backend: try kind.make(), windowSize: 4096)
    let path = try scratch.write("file", Self.old)
    var holder = try maps.cursor(for: path)
    try holder.use(at: 0, count: 4096)
    try writeInSecret(scratch)
    if !isHeld { holder.release() }
    var cursor = holder.copy()
    try cursor.use(at: 0, count: 20_000)
    #expect(view(cursor) == .of(Self.new, 0..<20_000))
    cursor.release()
    try cursor.refresh()
    try cursor.use(at: 0, count: 10)
    #expect(view(cursor) == .of(Self.new, 0..<10))
    var fresh = try maps.cursor(for: path)
    try fresh.use(at: 100, count: 9000)
    #expect(view(fresh) == .of(Self.new, 100..<9100))
    if isHeld { #expect(view(holder) == .of(Self.old, 0..<4096)) }
  }

  /// Though one of them uses copies of a version that is gone.
  @Test(arguments: copying, ["append", "overwrite", "cut", "cut and refill"])
  func aChangeFailsNobody(_ kind: BackendKind, _ change: String) throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(
      backend: try kind.make(), budget: .fixed(bytes: 16 * 4096), windowSize: 4096)
    let path = try scratch.write("file", Self.old)
    var holder = try maps.cursor(for: path)
    try holder.use(at: 0, count: 4096)
    var cursor = try maps.cursor(for: path)
    var model = Self.old
    switch change {
    case "append":
      try scratch.append("file", content(200_000))
    case "overwrite":
      model = Self.new
      try scratch.write("file", model)
    case "cut":
      model = Array(model[..<30_000])
      try scratch.resize("file", to: 30_000)
    default:
      model = content(30_000, seed: 3)
      try scratch.write("file", model)
    }
    for offset in [20_000, 8192, 4096, 25_000] {
      try cursor.use(at: Int64(offset), count: 4500)
      #expect(view(cursor) == .of(model, offset..<offset + 4500))
    }
    if model.count < Self.old.count {
      #expect(mapError { try cursor.use(at: 29_000, count: 2000) }?.code == .fileTruncated)
    }
    #expect(view(holder) == .of(Self.old, 0..<4096))
    cursor.release()
    #expect(maps.statistics.usage.bytes <= 16 * 4096 && maps.statistics.pinned == 1)
  }

  /// One that nobody can come to any more is gone at once, with its windows, its map and its handle.
  @Test(arguments: copying, [false, true])
  func aVersionGoesWithItsLastCursor(_ kind: BackendKind, _ isHeld: Bool) throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(backend: try kind.make(), windowSize: 4096)
    let path = try scratch.write("file", Self.old)
    for _ in 0..<10 {
      var cursor = try maps.cursor(for: path)
      try cursor.use(at: 0, count: 9000)
      if !isHeld { cursor.release() }
      try scratch.append("file", content(100))
      _ = try maps.cursor(for: path)
    }
    let statistics = maps.statistics
    #expect(statistics.files <= 2 && statistics.usage.handles <= 2 && statistics.usage.regions <= 3)
  }

  /// While one cursor keeps windows of the old version others share those of the new one, all of them by one descriptor.
  @Test(arguments: copying)
  func readersOfANewVersionShareItsWindows(_ kind: BackendKind) throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(
      backend: try kind.make(), budget: .fixed(handles: 1), windowSize: 4096)
    let path = try scratch.write("file", Self.old)
    var holder = try maps.cursor(for: path)
    try holder.use(at: 0, count: 4096)
    var first = try maps.cursor(for: path)
    try writeInSecret(scratch)
    // It moves by itself, as its first request shows.
    try first.use(at: 8192, count: 100)
    let (loads, copies) = (maps.statistics.counts.loads, maps.statistics.counts.copies)
    var second = try maps.cursor(for: path)
    try second.use(at: 8200, count: 50)
    var third = first.copy()
    try third.use(at: 8192, count: 10)
    #expect(maps.statistics.counts.loads == loads && maps.statistics.counts.copies == copies)
    #expect(maps.statistics.files == 1 && maps.statistics.usage.handles == 1)
    #expect(view(first) == .of(Self.new, 8192..<8292) && view(second) == .of(Self.new, 8200..<8250))
    #expect(view(holder) == .of(Self.old, 0..<4096))
    // Its own next request as well.
    try holder.use(at: 8192, count: 1)
    #expect(view(holder) == .of(Self.new, 8192..<8193))
    #expect(maps.statistics.counts.loads == loads && maps.statistics.usage.regions == 1)
  }

  /// A cursor that knows a longer file than there is now finds its bytes again when they have come back.
  @Test(arguments: copying + [.mmap, .automatic])
  func aFileThatGrewAgainIsReadToItsEnd(_ kind: BackendKind) throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(backend: try kind.make(), windowSize: 4096)
    let path = try scratch.write("file", Self.old)
    var cursor = try maps.cursor(for: path)
    try scratch.resize("file", to: 10_000)
    #expect(try maps.cursor(for: path).fileSize == 10_000)
    #expect(mapError { try cursor.use(at: 20_000, count: 1000) }?.code == .fileTruncated)
    #expect(mapError { try cursor.use(at: 50_000, count: 1) }?.code == .fileTruncated)
    try scratch.write("file", Self.new)
    try cursor.use(at: 20_000, count: 1000)
    #expect(view(cursor) == .of(Self.new, 20_000..<21_000))
    try cursor.use(at: 59_000, count: 5000)
    #expect(view(cursor) == .of(Self.new, 59_000..<60_000))
  }

  /// A task that waits for bytes of a changed file has them brought in where its cursor will look for them.
  @Test(arguments: copying)
  func whatATaskWaitsForIsOfTheNewVersion(_ kind: BackendKind) async throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(backend: try kind.make(), windowSize: 4096)
    let path = try scratch.write("file", Self.old)
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 0, count: 4096)
    try writeInSecret(scratch)
    // The lease keeps the old version meanwhile.
    try await cursor.ready(at: 20_480, count: 4096)
    let loads = maps.statistics.counts.loads
    try cursor.use(at: 20_480, count: 4096)
    let seen = view(cursor)
    #expect(seen == .of(Self.new, 20_480..<24_576))
    #expect(maps.statistics.counts.loads == loads && maps.statistics.counts.copies == 0)
  }
}
