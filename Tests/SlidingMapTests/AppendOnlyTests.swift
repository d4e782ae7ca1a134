import Foundation
import SlidingMap
import SystemPackage
import Testing

/// Files of which it is known that they only grow.
struct AppendOnlyTests {
  @Test(arguments: ChangingFile.copying)
  func windowsOfALogStayAsItGrows(_ kind: BackendKind) throws {
    let scratch = try Scratch()
    let maps = ChangingFile.maps(try kind.make(), .appendOnly)
    var model = ChangingFile.old
    let path = try scratch.write("log", model)
    var other = try maps.cursor(for: path)
    try other.use(at: 4096, count: 4096)
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 0, count: model.count)
    #expect(maps.statistics.counts.loads == 10)
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
    #expect(maps.statistics.counts.loads <= 10 + 5 + 4 && maps.statistics.files == 1)
    #expect(view(other) == .of(model, 4096..<8192))
    // Those who don't look see what they knew, without an error.
    try other.use(at: 36_000, count: 10_000)
    #expect(view(other) == .of(model, 36_000..<40_000))
  }

  /// With a lease on its last window by somebody else, who sees it as it was.
  @Test(arguments: ChangingFile.copying)
  func aLogWhoseEndIsInUseGrowsAllTheSame(_ kind: BackendKind) throws {
    let scratch = try Scratch()
    let maps = ChangingFile.maps(try kind.make(), .appendOnly)
    let path = try scratch.write("log", ChangingFile.old)
    var holder = try maps.cursor(for: path)
    try holder.use(at: 36_000, count: 10_000)
    let added = content(30_000, seed: 3)
    try scratch.append("log", added)
    let model = ChangingFile.old + added
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 30_000, count: 40_000)
    #expect(view(cursor) == .of(model, 30_000..<70_000))
    #expect(view(holder) == .of(model, 36_000..<40_000))
  }

  @Test(arguments: ChangingFile.copying)
  func filesOfTheSystemsAppendOnlyAttributeAreTakenToBeSo(_ kind: BackendKind) throws {
    let scratch = try Scratch()
    let path = try scratch.write("log", ChangingFile.old)
    // Direct descriptors are opened by path, which does not tell.
    guard kind != .direct, setAppendOnly(true, path) else { return }
    defer { _ = setAppendOnly(false, path) }
    let maps = ChangingFile.maps(try kind.make())
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 0, count: 36_000)
    let loads = maps.statistics.counts.loads
    try scratch.append("log", content(3000, seed: 5))
    try cursor.refresh()
    try cursor.use(at: 0, count: 36_000)
    #expect(cursor.fileSize == 43_000 && maps.statistics.counts.loads == loads)
    // What is cut and written all the same is another version.
    #expect(setAppendOnly(false, path))
    try scratch.write("log", ChangingFile.new)
    try cursor.refresh()
    try cursor.use(at: 0, count: 36_000)
    #expect(view(cursor) == .of(ChangingFile.new, 0..<36_000))
  }

  /// Whether the attribute could be changed, as chattr(1) does: only root may, and not on every file system.
  private func setAppendOnly(_ isAppendOnly: Bool, _ path: FilePath) -> Bool {
    // FS_IOC_GETFLAGS, FS_IOC_SETFLAGS and FS_APPEND_FL of linux/fs.h, which Swift does not import.
    let (getFlags, setFlags, append) = (UInt(0x8008_6601), UInt(0x4008_6602), 0x20)
    guard let file = try? FileDescriptor.open(path, .readOnly) else { return false }
    defer { try? file.close() }
    var flags = 0
    guard unsafe ioctl(file.rawValue, getFlags, &flags) == 0 else { return false }
    flags = isAppendOnly ? flags | append : flags & ~append
    return unsafe ioctl(file.rawValue, setFlags, &flags) == 0
  }

  @Test func aLogThatIsWrittenAllTheTimeHasWindows() throws {
    let maps = ChangingFile.justWritten(.appendOnly).maps
    var cursor = try maps.cursor(for: ChangingFile.path)
    for _ in 0..<3 {
      try cursor.use(at: 0, count: 40_000)
      #expect(view(cursor) == .of(ChangingFile.old, 0..<40_000))
      cursor.release()
    }
    #expect(maps.statistics.counts.copies == 0 && maps.statistics.counts.loads == 10)
  }

  /// What was read before could be written until then.
  @Test func theAppendOnlyAttributeIsNotBelievedBackwards() throws {
    let files = MemoryProvider([ChangingFile.path: ChangingFile.old])
    let maps = ChangingFile.maps(files)
    var cursor = try maps.cursor(for: ChangingFile.path)
    try cursor.use(at: 0, count: 4096)
    files[ChangingFile.path] = ChangingFile.new
    files.isAppendOnly = true
    try cursor.use(at: 4000, count: 200)
    #expect(view(cursor) == .of(ChangingFile.new, 4000..<4200))
  }
}
