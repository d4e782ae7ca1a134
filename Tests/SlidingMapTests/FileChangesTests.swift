import Foundation
import SlidingMap
import SystemPackage
import Testing

/// What managers make of files that change while copies of them are held, by what their users expect of them.
struct FileChangesTests {
  private static let path = FilePath("/memory/file")
  private static let old = content(40_000)
  private static let new = content(40_000, seed: 2)
  private static let copying: [BackendKind] = [.uring, .direct, .pread]

  private func maps(
    _ backend: some RegionProvider, _ changes: FileChanges = .followed
  ) -> SlidingWindowMapManager {
    SlidingWindowMapManager(backend: backend, windowSize: 4096, changes: changes)
  }

  // MARK: Unsettled versions

  @Test func whatWasReadWithinATickIsNotGivenToWhoComesLater() throws {
    let files = MemoryProvider([Self.path: Self.old])
    files.isSettled = false
    let maps = maps(files)
    var first = try maps.cursor(for: Self.path)
    try first.use(at: 0, count: 100)
    files.writeInSecret(Self.path, Self.new)
    var second = try maps.cursor(for: Self.path)
    try second.use(at: 0, count: 100)
    #expect(view(second) == .of(Self.new, 0..<100) && view(first) == .of(Self.old, 0..<100))
    files.writeInSecret(Self.path, Self.old)
    try second.refresh()
    try second.use(at: 50, count: 100)
    #expect(view(second) == .of(Self.old, 50..<150))
    // Once it is settled its windows are shared again.
    files.isSettled = true
    var third = try maps.cursor(for: Self.path)
    try third.use(at: 0, count: 5000)
    let loads = maps.statistics.loads
    var fourth = try maps.cursor(for: Self.path)
    try fourth.use(at: 100, count: 4500)
    #expect(maps.statistics.loads == loads && maps.statistics.copies == 0)
    #expect(view(fourth) == .of(Self.old, 100..<4600))
  }

  @Test func aLeaseDoesNotJoinWhatWasReadWithinATick() throws {
    let files = MemoryProvider([Self.path: Self.old])
    files.isSettled = false
    let maps = maps(files)
    var cursor = try maps.cursor(for: Self.path)
    try cursor.use(at: 4096, count: 4096)
    files.writeInSecret(Self.path, Self.new)
    try cursor.use(at: 8192, count: 4096)
    // Both windows are loaded, each of another content.
    try cursor.use(at: 4096, count: 8192)
    #expect(view(cursor) == .of(Self.new, 4096..<12_288))
    #expect(maps.statistics.copies == 1)
    files.isSettled = true
    try cursor.use(at: 0, count: 12_288)
    #expect(view(cursor) == .of(Self.new, 0..<12_288))
    #expect(maps.statistics.copies == 1 && maps.statistics.regions == 3)
  }

  @Test func mapsNeedNoTick() throws {
    let scratch = try Scratch()
    let path = try scratch.write("file", Self.old)
    let maps = maps(.mmap)
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 0, count: 20_000)
    #expect(maps.statistics.copies == 0 && maps.statistics.regions == 5)
  }

  /// Of the same size, as fast as it goes: on every file system here each change has its own time, or none counts.
  @Test(arguments: BackendKind.allCases)
  func aFileWrittenAgainAndAgainIsSeenEachTime(_ kind: BackendKind) throws {
    let scratch = try Scratch()
    let maps = maps(try kind.make())
    let path = try scratch.write("file", Self.old)
    var reader = try maps.cursor(for: path)
    for round in 0..<200 {
      let model = content(9000, seed: UInt64(round))
      let writer = try FileDescriptor.open(path, .writeOnly)
      try writer.closeAfter { _ = try writer.writeAll(toAbsoluteOffset: 0, model) }
      var cursor = try maps.cursor(for: path)
      try cursor.use(at: 100, count: 8000)
      #expect(view(cursor) == .of(model, 100..<8100))
      try reader.refresh()
      try reader.use(at: 0, count: 4096)
      #expect(view(reader) == .of(model, 0..<4096))
    }
  }

  /// A log that is copied elsewhere and cut to nothing, as logrotate's copytruncate does, and written to again.
  @Test(arguments: BackendKind.allCases)
  func aLogThatIsCutAndFilledAgainIsReadAsItIs(_ kind: BackendKind) throws {
    let scratch = try Scratch()
    let maps = maps(try kind.make())
    let path = try scratch.write("log", Self.old)
    var reader = try maps.cursor(for: path)
    try reader.use(at: 0, count: 100)
    for round in 0..<20 {
      try scratch.resize("log", to: 0)
      let model = content(20_000 + round * 1000, seed: UInt64(round))
      try scratch.append("log", model)
      reader.release()
      try reader.refresh()
      #expect(reader.fileSize == Int64(model.count))
      try reader.use(at: 5000, count: 14_000)
      #expect(view(reader) == .of(model, 5000..<19_000))
      var cursor = try maps.cursor(for: path)
      try cursor.use(at: 0, count: model.count)
      #expect(view(cursor) == .of(model, 0..<model.count))
    }
  }

  /// Another file by the same path, as fast as it goes; ext4 gives it the number of the one that went.
  @Test(arguments: BackendKind.allCases)
  func aFileReplacedAgainAndAgainIsSeenEachTime(_ kind: BackendKind) throws {
    let scratch = try Scratch()
    let maps = maps(try kind.make())
    let path = try scratch.write("file", Self.old)
    for round in 0..<200 {
      let model = content(9000, seed: UInt64(round))
      if round % 2 == 0 {
        try scratch.replace("file", by: model)
      } else {
        try scratch.remove("file")
        try scratch.write("file", model)
      }
      var cursor = try maps.cursor(for: path)
      try cursor.use(at: 0, count: 9000)
      #expect(view(cursor) == .of(model, 0..<9000))
    }
  }

  // MARK: Files that only grow

  @Test(arguments: copying)
  func windowsOfALogStayAsItGrows(_ kind: BackendKind) throws {
    let scratch = try Scratch()
    let maps = maps(try kind.make(), .appendOnly)
    var model = Self.old
    let path = try scratch.write("log", model)
    var other = try maps.cursor(for: path)
    try other.use(at: 4096, count: 4096)
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 0, count: model.count)
    #expect(maps.statistics.loads == 10)
    for round in 1...5 {
      let added = content(3000, seed: UInt64(round))
      try scratch.append("log", added)
      model += added
      try cursor.refresh()
      #expect(cursor.fileSize == Int64(model.count))
      try cursor.use(at: 0, count: model.count)
      #expect(view(cursor) == .of(model, 0..<model.count))
    }
    // The last one again at each growth, and two that are new.
    #expect(maps.statistics.loads <= 10 + 5 + 4 && maps.statistics.files == 1)
    #expect(view(other) == .of(model, 4096..<8192))
    // Those who don't look see what they knew, without an error.
    try other.use(at: 36_000, count: 10_000)
    #expect(view(other) == .of(model, 36_000..<40_000))
  }

  /// With a lease on its last window by somebody else, who sees it as it was.
  @Test(arguments: copying)
  func aLogWhoseEndIsInUseGrowsAllTheSame(_ kind: BackendKind) throws {
    let scratch = try Scratch()
    let maps = maps(try kind.make(), .appendOnly)
    let path = try scratch.write("log", Self.old)
    var holder = try maps.cursor(for: path)
    try holder.use(at: 36_000, count: 10_000)
    let added = content(30_000, seed: 3)
    try scratch.append("log", added)
    let model = Self.old + added
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 30_000, count: 40_000)
    #expect(view(cursor) == .of(model, 30_000..<70_000))
    #expect(view(holder) == .of(model, 36_000..<40_000))
  }

  @Test(arguments: copying)
  func filesOfTheSystemsAppendOnlyAttributeAreTakenToBeSo(_ kind: BackendKind) throws {
    let scratch = try Scratch()
    let path = try scratch.write("log", Self.old)
    // Direct descriptors are opened by path, which does not tell.
    guard kind != .direct, chattr("+a", path) else { return }
    defer { _ = chattr("-a", path) }
    let maps = maps(try kind.make())
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 0, count: 36_000)
    let loads = maps.statistics.loads
    try scratch.append("log", content(3000, seed: 5))
    try cursor.refresh()
    try cursor.use(at: 0, count: 36_000)
    #expect(cursor.fileSize == 43_000 && maps.statistics.loads == loads)
    // What is cut and written all the same is another version.
    #expect(chattr("-a", path))
    try scratch.write("log", Self.new)
    try cursor.refresh()
    try cursor.use(at: 0, count: 36_000)
    #expect(view(cursor) == .of(Self.new, 0..<36_000))
  }

  /// Whether chattr(1) could change the attribute: only root may, and not on every file system.
  private func chattr(_ change: String, _ path: FilePath) -> Bool {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/chattr")
    process.arguments = [change, path.string]
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }

  // MARK: One version

  @Test(arguments: copying)
  func aCursorThatWantsOneVersionGetsNoOther(_ kind: BackendKind) async throws {
    let scratch = try Scratch()
    let maps = maps(try kind.make(), .oneVersion)
    let path = try scratch.write("file", Self.old)
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 0, count: 8192)
    var copy = cursor.copy()
    try scratch.append("file", [1, 2, 3])
    // What is loaded stays, and what is not does not come.
    try copy.use(at: 4096, count: 4096)
    #expect(view(copy) == .of(Self.old, 4096..<8192))
    #expect(mapError { try copy.use(at: 20_000, count: 100) }?.code == .fileChanged)
    #expect(mapError { try copy.use(at: 0, count: 20_000) }?.code == .fileChanged)
    let held = Held(copy.copy())
    let code = await mapErrorOfTask { try await held.cursor.ready(at: 20_000, count: 10) }?.code
    #expect(code == .fileChanged)
    var new = try maps.cursor(for: path)
    try new.use(at: 20_000, count: 100)
    #expect(view(new) == .of(Self.old, 20_000..<20_100))
    #expect(mapError { try copy.use(at: 20_000, count: 100) }?.code == .fileChanged)
    #expect(view(cursor) == .of(Self.old, 0..<8192))
    try copy.refresh()
    try copy.use(at: 20_000, count: 30_000)
    #expect(view(copy) == .of(Self.old + [1, 2, 3], 20_000..<40_003))
  }
}
