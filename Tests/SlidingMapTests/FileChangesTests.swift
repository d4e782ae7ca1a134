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

  /// A version that is adopted while the addresses for a lease are being made is none that its windows may be of.
  @Test func aLeaseIsOfOneVersionAlsoWhereItsAddressesTakeLong() throws {
    let writes = Locked<(@Sendable () -> Void)?>(nil)
    let looks = Locked(0)
    let files = MemoryProvider(
      [Self.path: Self.old, "/memory/other": Self.new],
      beforeLoad: { request in
        // The first window was read, and the second is written within the same tick.
        if request.offset == 4096 { writes.withLock { $0 }?() }
        return nil
      }, afterLook: { _ in looks.withLock { $0 += 1 } })
    let maps = SlidingWindowMapManager(
      backend: files, budget: .fixed(maps: 2), windowSize: 4096)
    var cursor = try maps.cursor(for: Self.path)
    let other = Held(try maps.cursor(for: Self.path))
    var giver = try maps.cursor(for: "/memory/other")
    try giver.use(at: 0, count: 10)
    giver.release()
    #expect(maps.statistics.maps == 2)
    files.beforeReserving {
      files.isSettled = false
      files[Self.path] = Self.new
      writes.withLock { $0 = { files.writeInSecret(Self.path, Self.old) } }
      let before = looks.withLock { $0 }
      Thread { try? other.cursor.refresh() }.start()
      while looks.withLock({ $0 }) == before { usleep(1000) }
      usleep(50_000)
    }
    try cursor.use(at: 4000, count: 200)
    let seen = view(cursor)
    #expect(seen == .of(Self.new, 4000..<4200) || seen == .of(Self.old, 4000..<4200))
    #expect(maps.statistics.copies == 1)
  }

  // MARK: Reads that fail because of a change

  /// A backend that reads by an index, which it makes anew whenever it is asked for the version.
  private final class Indexed: RegionProvider {
    struct File {
      var version: Int64 = 1
      var content: [UInt8]
      var indexed: Int64 = 1
    }
    let file: Locked<File>
    init(_ content: [UInt8]) { file = Locked(File(content: content)) }
    var name: String { "indexed" }

    private var status: FileStatus {
      file.withLock { file in
        file.indexed = file.version
        return FileStatus(
          identity: FileIdentity(1), version: FileVersion(file.version),
          size: Int64(file.content.count))
      }
    }
    func open(_ source: FileSource) throws(MapError) -> OpenedFile {
      OpenedFile(handle: Handle(rawValue: 1), status: status)
    }
    func status(of handle: Handle) throws(MapError) -> FileStatus { status }
    func close(_ handle: Handle) {}
    func read(
      _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(MapError) -> Int {
      let content = file.withLock { $0.indexed == $0.version ? $0.content : nil }
      guard let content else { throw MapError(.custom("index")) }
      let bytes = content.dropFirst(Int(offset)).prefix(buffer.count)
      unsafe buffer.copyBytes(from: bytes)
      return bytes.count
    }
    func replace(by content: [UInt8]) {
      file.withLock {
        $0.version += 1
        $0.content = content
      }
    }
  }

  @Test func aReadThatFailsOverAChangeIsMadeAgain() async throws {
    let files = Indexed(Self.old)
    let maps = maps(files)
    var cursor = try maps.cursor(for: Self.path)
    try cursor.use(at: 0, count: 100)
    files.replace(by: Self.new)
    try cursor.use(at: 20_000, count: 9000)
    #expect(view(cursor) == .of(Self.new, 20_000..<29_000))
    files.replace(by: Self.old)
    let held = Held(try maps.cursor(for: Self.path))
    files.replace(by: Self.new)
    try await held.cursor.ready(at: 0, count: 9000)
    try held.cursor.use(at: 0, count: 9000)
    #expect(view(held.cursor) == .of(Self.new, 0..<9000))
    let strict = self.maps(files, .oneVersion)
    var reader = try strict.cursor(for: Self.path)
    files.replace(by: Self.old)
    #expect(mapError { try reader.use(at: 0, count: 10) }?.code == .fileChanged)
    try reader.refresh()
    try reader.use(at: 0, count: 10)
    #expect(view(reader) == .of(Self.old, 0..<10))
  }

  // MARK: What nobody could settle in time

  @Test func oneVersionServesAFileThatWasWrittenJustNow() throws {
    let files = MemoryProvider([Self.path: Self.old])
    files.isSettled = false
    let maps = maps(files, .oneVersion)
    var cursor = try maps.cursor(for: Self.path)
    try cursor.use(at: 0, count: 9000)
    #expect(view(cursor) == .of(Self.old, 0..<9000) && maps.statistics.copies == 1)
    files.isSettled = true
    try cursor.use(at: 100, count: 9000)
    #expect(view(cursor) == .of(Self.old, 100..<9100) && maps.statistics.copies == 1)
    files[Self.path] = Self.new
    #expect(mapError { try cursor.use(at: 20_000, count: 9000) }?.code == .fileChanged)
  }

  @Test func moreThanIsReadAtOneGoWaitsForTheTickToEnd() throws {
    let model = content(80 << 20)
    let files = MemoryProvider([Self.path: model])
    files.isSettled = false
    let maps = SlidingWindowMapManager(backend: files, budget: .fixed(bytes: 512 << 20))
    var cursor = try maps.cursor(for: Self.path)
    Thread {
      Thread.sleep(forTimeInterval: 0.05)
      files.isSettled = true
    }.start()
    try cursor.use(at: 0, count: model.count)
    let isRight = shows(cursor.bytes, model, at: 0)
    #expect(isRight && maps.statistics.copies == 0)
  }

  @Test func aLogThatIsWrittenAllTheTimeHasWindows() throws {
    let files = MemoryProvider([Self.path: Self.old])
    files.isSettled = false
    let maps = maps(files, .appendOnly)
    var cursor = try maps.cursor(for: Self.path)
    for _ in 0..<3 {
      try cursor.use(at: 0, count: 40_000)
      #expect(view(cursor) == .of(Self.old, 0..<40_000))
      cursor.release()
    }
    #expect(maps.statistics.copies == 0 && maps.statistics.loads == 10)
  }

  /// What was read before could be written until then.
  @Test func theAppendOnlyAttributeIsNotBelievedBackwards() throws {
    let files = MemoryProvider([Self.path: Self.old])
    let maps = maps(files)
    var cursor = try maps.cursor(for: Self.path)
    try cursor.use(at: 0, count: 4096)
    files[Self.path] = Self.new
    files.isAppendOnly = true
    try cursor.use(at: 4000, count: 200)
    #expect(view(cursor) == .of(Self.new, 4000..<4200))
  }
}
