import Foundation
import MapTestSupport
import MapTesting
import SlidingMap
import SystemPackage
import Testing

/// Where paths begin, and where they may not lead.
struct PathResolutionTests {
  private static let model = content(50_000)

  private static func isRight(_ cursor: inout WindowCursor, _ model: [UInt8]) throws -> Bool {
    try cursor.withBytes(at: 0, count: model.count) {
      $0.byteCount == model.count && shows($0, model, at: 0)
    }
  }

  @Test(arguments: BackendKind.allCases)
  func `A link at the end of a path is refused where links are`(_ kind: BackendKind) throws {
    let scratch = try Scratch()
    let file = try scratch.write("file", Self.model)
    try scratch.symbolicLink("file", as: "link")
    try FileManager.default.createDirectory(
      atPath: scratch["folder"].string, withIntermediateDirectories: false)
    try scratch.symbolicLink("folder", as: "way")
    try scratch.write("folder/file", Self.model)
    let maps = SlidingWindowMapManager(
      backend: try kind.make(paths: .withoutLinks), budget: .fixed(bytes: 8 << 20, handles: 1),
      windowSize: 4096)
    let error = mapError { _ = try maps.cursor(for: scratch["link"]) }
    #expect(error?.code == .notRegularFile && error?.source == .path(scratch["link"]))
    // Directories may be links.
    for path in [file, scratch["way/file"]] {
      var cursor = try maps.cursor(for: path)
      let isRight = try Self.isRight(&cursor, Self.model)
      #expect(isRight)
    }
    #expect(try maps.buffer(for: file).count == Self.model.count)
    let followed = SlidingWindowMapManager(backend: try kind.make(), windowSize: 4096)
    #expect(throws: Never.self) { _ = try followed.cursor(for: scratch["link"]) }
  }

  /// A file that became a link is not followed by who read it before.
  @Test(arguments: BackendKind.allCases)
  func `A link put in a file's place is not followed`(_ kind: BackendKind) throws {
    let scratch = try Scratch()
    let path = try scratch.write("file", Self.model)
    let secret = content(50_000, seed: 2)
    try scratch.write("secret", secret)
    let maps = SlidingWindowMapManager(
      backend: try kind.make(paths: .withoutLinks), budget: .fixed(bytes: 8 << 20, handles: 1),
      windowSize: 4096)
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 0, count: 10)
    try scratch.symbolicLink("secret", as: "new")
    try scratch.move("new", to: "file")
    // Takes the only handle.
    var other = try maps.cursor(for: scratch["secret"])
    let isOther = try Self.isRight(&other, secret)
    #expect(isOther)
    do {
      let isRight = try Self.isRight(&cursor, Self.model)
      #expect(isRight)
    } catch {
      // What lies at the path is no file that could be read.
      let code = (error as? MapError)?.code
      #expect(code == .notRegularFile || code == .fileChanged)
    }
    #expect(mapError { _ = try maps.cursor(for: path) }?.code == .notRegularFile)
  }

  @Test(arguments: BackendKind.allCases)
  func `Paths begin in a directory, wherever that is moved`(_ kind: BackendKind) throws {
    let scratch = try Scratch()
    for folder in ["one", "two"] {
      try FileManager.default.createDirectory(
        atPath: scratch[folder].string, withIntermediateDirectories: false)
    }
    let other = content(60_000, seed: 2)
    try scratch.write("one/file", Self.model)
    try scratch.write("one/second", other)
    try scratch.write("two/file", other)
    do {
      let directory = try FileDescriptor.open(
        scratch["one"], .readOnly, options: [.directory, .closeOnExec])
      let paths = try PathResolution(in: directory)
      try directory.close()
      let maps = SlidingWindowMapManager(
        backend: try kind.make(paths: paths), budget: .fixed(bytes: 8 << 20, handles: 1),
        windowSize: 4096)
      var cursor = try maps.cursor(for: "file")
      let isRight = try Self.isRight(&cursor, Self.model)
      #expect(isRight && cursor.source == .path("file"))
      try scratch.move("one", to: "three")
      try scratch.move("two", to: "one")
      // Takes the only handle.
      var second = try maps.cursor(for: "second")
      let isSecond = try Self.isRight(&second, other)
      #expect(isSecond)
      cursor.release()
      maps.unload(under: "file")
      try cursor.refresh()
      let isSame = try Self.isRight(&cursor, Self.model)
      #expect(isSame)
      #expect(mapError { _ = try maps.cursor(for: "missing") }?.errno == .noSuchFileOrDirectory)
      // One from the root is one.
      var absolute = try maps.cursor(for: scratch["one/file"])
      let isAbsolute = try Self.isRight(&absolute, other)
      #expect(isAbsolute)
    }
    #expect(scratch.descriptors == 0 && scratch.maps == 0)
  }

  @Test(.enabled(if: canOpenWithoutDescriptors, "opening without descriptors needs io_uring"))
  func `Paths begin there without descriptors, too`() async {
    await #expect(processExitsWith: .success) {
      let scratch = try Scratch()
      try scratch.write("file", PathResolutionTests.model)
      try scratch.symbolicLink("file", as: "link")
      let directory = try FileDescriptor.open(scratch.path, .readOnly, options: .directory)
      let maps = SlidingWindowMapManager(
        backend: .automatic(paths: try PathResolution(in: directory, followsLinks: false)))
      try setLimit(RLIMIT_NOFILE, to: UInt(highestDescriptor() + 1))
      let fillers = try fillDescriptorTable()
      var cursor = try maps.cursor(for: "file")
      let isRight = try PathResolutionTests.isRight(&cursor, PathResolutionTests.model)
      #expect(isRight && maps.statistics.counts.takeovers > 0 && !fillers.isEmpty)
      #expect(throws: MapError.self) { _ = try maps.cursor(for: "link") }
    }
  }

  @Test func `What is no directory is told at the first path`() throws {
    let scratch = try Scratch()
    let file = try FileDescriptor.open(scratch.write("file", [1]), .readOnly)
    defer { try? file.close() }
    let maps = SlidingWindowMapManager(backend: .mmap(paths: try PathResolution(in: file)))
    #expect(mapError { _ = try maps.cursor(for: "file") }?.errno == .notDirectory)
    #expect(
      throws: MapError(
        .openFailed, source: .descriptor(FileDescriptor(rawValue: 1 << 20)),
        errno: .badFileDescriptor)
    ) {
      _ = try PathResolution(in: FileDescriptor(rawValue: 1 << 20))
    }
  }
}
