import Foundation
import SlidingMap
import SystemPackage
import Testing

/// What managers make of files that change while copies of them are held, by what their users expect of them.
struct FileChangesTests {
  // MARK: One version

  @Test(arguments: ChangingFile.copying)
  func aCursorThatWantsOneVersionGetsNoOther(_ kind: BackendKind) async throws {
    let scratch = try Scratch()
    let maps = ChangingFile.maps(try kind.make(), .oneVersion)
    let path = try scratch.write("file", ChangingFile.old)
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 0, count: 8192)
    var copy = cursor.copy()
    try scratch.append("file", [1, 2, 3])
    // What is loaded stays, and what is not does not come.
    try copy.use(at: 4096, count: 4096)
    #expect(view(copy) == .of(ChangingFile.old, 4096..<8192))
    #expect(mapError { try copy.use(at: 20_000, count: 100) }?.code == .fileChanged)
    #expect(mapError { try copy.use(at: 0, count: 20_000) }?.code == .fileChanged)
    let held = Held(copy.copy())
    let code = await mapErrorOfTask { try await held.cursor.ready(at: 20_000, count: 10) }?.code
    #expect(code == .fileChanged)
    var new = try maps.cursor(for: path)
    try new.use(at: 20_000, count: 100)
    #expect(view(new) == .of(ChangingFile.old, 20_000..<20_100))
    #expect(mapError { try copy.use(at: 20_000, count: 100) }?.code == .fileChanged)
    #expect(view(cursor) == .of(ChangingFile.old, 0..<8192))
    try copy.refresh()
    try copy.use(at: 20_000, count: 30_000)
    #expect(view(copy) == .of(ChangingFile.old + [1, 2, 3], 20_000..<40_003))
  }

  @Test func oneVersionServesAFileThatWasWrittenJustNow() throws {
    let (files, maps) = ChangingFile.justWritten(.oneVersion)
    var cursor = try maps.cursor(for: ChangingFile.path)
    try cursor.use(at: 0, count: 9000)
    #expect(view(cursor) == .of(ChangingFile.old, 0..<9000) && maps.statistics.counts.copies == 1)
    files.isSettled = true
    try cursor.use(at: 100, count: 9000)
    #expect(view(cursor) == .of(ChangingFile.old, 100..<9100) && maps.statistics.counts.copies == 1)
    files[ChangingFile.path] = ChangingFile.new
    #expect(mapError { try cursor.use(at: 20_000, count: 9000) }?.code == .fileChanged)
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
    let files = Indexed(ChangingFile.old)
    let maps = ChangingFile.maps(files)
    var cursor = try maps.cursor(for: ChangingFile.path)
    try cursor.use(at: 0, count: 100)
    files.replace(by: ChangingFile.new)
    try cursor.use(at: 20_000, count: 9000)
    #expect(view(cursor) == .of(ChangingFile.new, 20_000..<29_000))
    files.replace(by: ChangingFile.old)
    let held = Held(try maps.cursor(for: ChangingFile.path))
    files.replace(by: ChangingFile.new)
    try await held.cursor.ready(at: 0, count: 9000)
    try held.cursor.use(at: 0, count: 9000)
    #expect(view(held.cursor) == .of(ChangingFile.new, 0..<9000))
    let strict = ChangingFile.maps(files, .oneVersion)
    var reader = try strict.cursor(for: ChangingFile.path)
    files.replace(by: ChangingFile.old)
    #expect(mapError { try reader.use(at: 0, count: 10) }?.code == .fileChanged)
    try reader.refresh()
    try reader.use(at: 0, count: 10)
    #expect(view(reader) == .of(ChangingFile.old, 0..<10))
  }
}
