public import MapProtocols
internal import SystemPackage
public import Testing

#if canImport(Darwin)
  internal import Darwin
#elseif canImport(Glibc)
  internal import Glibc
#endif

/// What every backend promises, one case at a time. A backend joins by one line:
///
/// ```swift
/// @Test(arguments: ProviderConformance.allCases)
/// func mmap(_ promise: ProviderConformance) async throws { try await promise.check { .mmap } }
/// ```
public enum ProviderConformance: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case givesTheBytesOfSmallFiles
  case givesTheBytesOfASparseFile
  case submitsLoads
  case submitsManyAtOnce
  case endsWhatIsSubmitted
  case readsWithoutAWindow
  case replacesAnExtent
  case servesTwoOpensOfOneFile
  case outlivesTheCallersDescriptor
  case opensAnEmptyFile
  case showsGrowthAndWrites
  case keepsAReplacedFile
  case noticesTruncation
  case tellsVersions
  case refusesWhatHasNoBytesAtOffsets
  case refusesWhatItCannotOpen

  /// The case's name, as a test report shows it.
  public var testDescription: String { rawValue }

  /// Checks this promise of a new provider, and that neither descriptor nor map is left of it.
  public func check(_ makeProvider: () throws -> any RegionProvider) async throws {
    let directory = try TemporaryDirectory()
    let bench = Bench(try makeProvider(), directory)
    switch self {
    case .givesTheBytesOfSmallFiles: try givesTheBytesOfSmallFiles(bench)
    case .givesTheBytesOfASparseFile: try givesTheBytesOfASparseFile(bench)
    case .submitsLoads: try await submitsLoads(bench)
    case .submitsManyAtOnce: try submitsManyAtOnce(bench)
    case .endsWhatIsSubmitted: try endsWhatIsSubmitted(bench)
    case .readsWithoutAWindow: try readsWithoutAWindow(bench)
    case .replacesAnExtent: try replacesAnExtent(bench)
    case .servesTwoOpensOfOneFile: try servesTwoOpensOfOneFile(bench)
    case .outlivesTheCallersDescriptor: try outlivesTheCallersDescriptor(bench)
    case .opensAnEmptyFile: try opensAnEmptyFile(bench)
    case .showsGrowthAndWrites: try showsGrowthAndWrites(bench)
    case .keepsAReplacedFile: try keepsAReplacedFile(bench)
    case .noticesTruncation: try noticesTruncation(bench)
    case .tellsVersions: try tellsVersions(bench)
    case .refusesWhatHasNoBytesAtOffsets: try refusesWhatHasNoBytesAtOffsets(bench)
    case .refusesWhatItCannotOpen: try refusesWhatItCannotOpen(bench)
    }
    bench.provider.shutDown()
    if ProcessResources.isAvailable {
      #expect(ProcessResources.descriptors(under: directory.path) == 0, "a descriptor is left")
      #expect(try ProcessResources.maps(under: directory.path) == 0, "a map is left")
    }
  }

  private func givesTheBytesOfSmallFiles(_ bench: Bench) throws {
    for size in [1, 4_095, 4_096, 4_097, 1 << 20 + 3] {
      let path = try bench.directory.file("\(size)", patternedBytes(size, seed: UInt64(size)))
      try bench.withFile(path) { file in
        #expect(file.opened.status.size == Int64(size))
        for _ in 0..<2 {
          for window in file.windows { try file.load([window]) }
          #expect(file.bytes(0..<Int64(size)) == (try readBytes(of: path, 0..<Int64(size))))
          bench.windows.unload(file.windows.map(file.range))
        }
        // All at once, and unloaded back to front with a gap.
        try file.load(file.windows)
        bench.windows.unload(file.windows.reversed().filter { $0 % 3 != 1 }.map(file.range))
        try file.load(file.windows)
        #expect(file.bytes(0..<Int64(size)) == (try readBytes(of: path, 0..<Int64(size))))
      }
    }
  }

  private func givesTheBytesOfASparseFile(_ bench: Bench) throws {
    let size: Int64 = 5 << 30
    let island = patternedBytes(100_000)
    let path = try bench.directory.sparseFile(
      "sparse", size: size, islands: [0: island, 4 << 30 - 50_000: island, size - 100_000: island])
    try bench.withFile(path) { file in
      let places = [0, 3 << 30, 4 << 30 - Bench.windowSize, 4 << 30, Int(size) - Bench.windowSize]
      let windows = places.map { $0 / Bench.windowSize }
      try file.load(windows)
      for window in windows {
        let range = file.offsets(of: window)
        #expect(file.bytes(range) == (try readBytes(of: path, range)))
      }
    }
  }

  private func submitsLoads(_ bench: Bench) async throws {
    let content = patternedBytes(5 * Bench.windowSize + 17)
    let path = try bench.directory.file("file", content)
    let file = try Bench.File(bench, path)
    let (ends, continuation) = AsyncStream.makeStream(of: RegionLoad.self)
    bench.windows.submit(file.windows.map(file.makeLoad)) { loads in
      for load in loads { continuation.yield(load) }
    }
    var tags: Set<Int> = []
    for await load in ends {
      #expect(load.error == nil)
      tags.insert(load.tag)
      if tags.count == file.windows.count { break }
    }
    #expect(tags == Set(file.windows))
    try file.expectResident()
    #expect(file.bytes(0..<Int64(content.count)) == content)
    file.close()
  }

  private func servesTwoOpensOfOneFile(_ bench: Bench) throws {
    let content = patternedBytes(100_000)
    let path = try bench.directory.file("file", content)
    try bench.withFile(path) { first in
      try bench.withFile(path) { second in
        #expect(first.opened.handle != second.opened.handle)
        #expect(first.opened.status == second.opened.status)
        try first.load(first.windows)
        try second.load(second.windows)
        bench.windows.unload(first.windows.map(first.range))
        #expect(second.bytes(0..<100_000) == content)
        try first.load(first.windows)
        #expect(first.bytes(0..<100_000) == content)
      }
    }
  }

  private func outlivesTheCallersDescriptor(_ bench: Bench) throws {
    let content = patternedBytes(10_000)
    let path = try bench.directory.file("file", content)
    let descriptor = try FileDescriptor.open(path, .readOnly)
    let file = try Bench.File(bench, .descriptor(descriptor))
    try descriptor.close()
    try file.load(file.windows)
    #expect(file.bytes(0..<10_000) == content)
    if let now = try bench.status(of: file.opened) { #expect(now == file.opened.status) }
    file.close()
  }

  private func opensAnEmptyFile(_ bench: Bench) throws {
    let opened = try bench.provider.open(.path(bench.directory.file("empty", [])))
    #expect(opened.status.size == 0)
    bench.provider.close(opened.handle)
  }

  private func showsGrowthAndWrites(_ bench: Bench) throws {
    var content = patternedBytes(6_000)
    let path = try bench.directory.file("file", content)
    try bench.withFile(path) { file in
      try file.load([0])
      #expect(file.bytes(0..<6_000) == content)
      try bench.directory.write([1, 2, 3], to: path, at: 10)
      content.replaceSubrange(10..<13, with: [1, 2, 3])
      if bench.windows.areMaps {
        #expect(file.bytes(0..<6_000) == content, "a write must show at once")
      }
      let more = patternedBytes(2 * Bench.windowSize, seed: 2)
      try bench.directory.write(more, to: path, at: 6_000)
      content += more
      if bench.windows.areMaps {
        #expect(
          file.bytes(6_000..<7_000) == Array(more[..<1_000]), "growth must show in a loaded window")
      }
      file.size = Int64(content.count)
      bench.windows.unload([file.range(0)])
      try file.load(file.windows)
      #expect(file.bytes(0..<file.size) == content)
    }
  }

  private func keepsAReplacedFile(_ bench: Bench) throws {
    let old = patternedBytes(3 * Bench.windowSize)
    let path = try bench.directory.file("file", old)
    let other = try bench.directory.file("other", patternedBytes(100, seed: 1))
    let file = try Bench.File(bench, path)
    try file.load([0])
    try bench.directory.replace(path, by: other)
    #expect(try bench.provider.status(of: .path(path)).identity != file.opened.status.identity)
    if let now = try bench.status(of: file.opened) {
      #expect(now.identity == file.opened.status.identity)
    }
    if bench.windows.areMaps { file.closeHandle() }
    bench.windows.unload([file.range(0)])
    try file.load(file.windows)
    #expect(file.bytes(0..<Int64(old.count)) == old)
    file.close()
  }

  private func noticesTruncation(_ bench: Bench) throws {
    // Where bytes are the file's own, a touch raises SIGBUS and a load may be nothing at all.
    if bench.windows.areMaps { return }
    let path = try bench.directory.file("file", patternedBytes(3 * Bench.windowSize))
    try bench.withFile(path) { file in
      try bench.directory.resize(path, to: 100)
      var loads = [file.makeLoad(2)]
      bench.windows.load(&loads)
      #expect(loads[0].error?.code == .fileTruncated)
      #expect(loads[0].error?.range == file.offsets(of: 2))
    }
  }

  private func tellsVersions(_ bench: Bench) throws {
    let path = try bench.directory.file("file", [1])
    let opened = try bench.provider.open(.path(path))
    defer { bench.provider.close(opened.handle) }
    #expect(try bench.provider.status(of: .path(path)) == opened.status)
    try bench.directory.write([2, 3], to: path, at: 1)
    let now = try bench.provider.status(of: opened.handle)
    #expect(now.identity == opened.status.identity)
    #expect(now.size == 3)
    #expect(now.version != opened.status.version)
    #expect(try bench.provider.status(of: .path(path)) == now)
  }

  private func refusesWhatHasNoBytesAtOffsets(_ bench: Bench) throws {
    let fifo = bench.directory("fifo")
    try #require(unsafe fifo.withPlatformString { unsafe mkfifo($0, 0o600) } == 0)
    let listener = try listeningSocket(at: bench.directory("socket"))
    defer { try? listener.close() }
    let directory = bench.refusal(of: .path(bench.directory.path))
    #expect(directory?.code == .notRegularFile)
    #expect(directory?.errno == .isDirectory)
    #expect(bench.refusal(of: .path(fifo))?.code == .notRegularFile)
    #expect(bench.refusal(of: .path(bench.directory("socket")))?.code == .notRegularFile)
    #expect(bench.refusal(of: .path("/dev/zero"))?.code == .notRegularFile)
    #if os(Linux)
      #expect(bench.refusal(of: .path("/proc/self/status"))?.code == .unsizedFile)
    #endif
    let open = try FileDescriptor.open(bench.directory.path, .readOnly)
    #expect(bench.refusal(of: .descriptor(open))?.code == .notRegularFile)
    try open.close()
  }

  private func refusesWhatItCannotOpen(_ bench: Bench) throws {
    let missing = bench.refusal(of: .path(bench.directory("missing")))
    #expect(missing?.code == .openFailed)
    #expect(missing?.errno == .noSuchFileOrDirectory)
    if let missing {
      #expect(throws: missing) { try bench.provider.status(of: .path(bench.directory("missing"))) }
    }
    let file = try bench.directory.file("file", [1, 2, 3])
    let throughFile = bench.refusal(of: .path(file.appending("x")))
    #expect(throughFile?.code == .openFailed)
    #expect(throughFile?.errno == .notDirectory)

    // No process has so many descriptors: it is as good as a closed one, and no other test can open it meanwhile.
    let closed = bench.refusal(of: .descriptor(FileDescriptor(rawValue: 1 << 30)))
    #expect(closed?.code == .openFailed)
    #expect(closed?.errno == .badFileDescriptor)
    let writer = try FileDescriptor.open(file, .writeOnly)
    let writeOnly = bench.refusal(of: .descriptor(writer))
    #expect(writeOnly?.code == .openFailed)
    #expect(writeOnly?.errno == .permissionDenied)
    try writer.close()

    // Root may read everything.
    if geteuid() != 0 {
      try #require(unsafe file.withPlatformString { unsafe chmod($0, 0) } == 0)
      let unreadable = bench.refusal(of: .path(file))
      #expect(unreadable?.code == .openFailed)
      #expect(unreadable?.errno == .permissionDenied)
    }
  }
}

/// A socket that listens at a path, so that there is one in the file system.
/// Its address holds some 100 bytes, so the path must be short.
private func listeningSocket(at path: FilePath) throws -> FileDescriptor {
  #if os(Linux)
    let stream = CInt(SOCK_STREAM.rawValue)
  #else
    let stream = SOCK_STREAM
  #endif
  let descriptor = FileDescriptor(rawValue: socket(AF_UNIX, stream, 0))
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  unsafe withUnsafeMutableBytes(of: &address.sun_path) {
    unsafe $0.copyBytes(from: path.string.utf8)
  }
  let bound = unsafe withUnsafePointer(to: &address) {
    unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      unsafe bind(descriptor.rawValue, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
    }
  }
  try #require(bound == 0)
  return descriptor
}
