internal import MapProtocols
internal import SystemPackage

#if canImport(Darwin)
  internal import Darwin
#elseif canImport(Glibc)
  internal import Glibc
#endif

/// What is promised of the system's files alone.
extension Bench {
  func readsHugeFiles() throws {
    let size: Int64 = 5 << 30
    let island = patternedBytes(100_000)
    let starts: [Int64] = [0, 4 << 30 - 50_000, size - 100_000]
    try directory.sparseFile(
      "sparse", size: size, islands: Dictionary(uniqueKeysWithValues: starts.map { ($0, island) }))
    try withFile("sparse") { file in
      checks.expect(file.size == size, "a file of 5 GiB is said to have \(file.size) bytes")
      for start in starts {
        let bytes = try read(file.opened.handle, at: Int(start), 100_000)
        checks.expect(bytes == island, "a read at \(start) of a file of 5 GiB is wrong")
        let first = Int(start) / BenchFile.windowSize
        let last = Int(start + 99_999) / BenchFile.windowSize
        try file.load(Array(first...last))
        checks.expect(
          file.bytes(start..<start + 100_000) == island,
          "windows at \(start) of a file of 5 GiB are wrong")
        file.unload(Array(first...last))
      }
    }
  }

  func outlivesTheCallersDescriptor() throws {
    let content = contents["100003"]!
    let descriptor = try FileDescriptor.open(directory("100003"), .readOnly)
    let file: BenchFile
    do {
      file = try BenchFile(self, .descriptor(descriptor))
    } catch let error as MapError where error.code == .unsupported {
      try descriptor.close()
      return checks.skip("it does not open descriptors")
    }
    try descriptor.close()
    try file.load(file.windows)
    file.expect(0..<file.size, of: content, "after the caller closed its descriptor")
    if let now = try status(of: file.opened.handle) {
      checks.expect(
        now == file.opened.status, "after the caller closed its descriptor, the file is another")
    }
    file.close()
  }

  func keepsAReplacedFile() throws {
    let content = contents[Self.large]!
    let file = try BenchFile(self, source(Self.large))
    try file.load([0])
    try directory.replace(directory(Self.large), by: directory("4096"))
    let identity = file.opened.status.identity
    checks.expect(
      try status(of: source(Self.large)).identity != identity,
      "a path that leads to another file has the old one's identity")
    if let now = try status(of: file.opened.handle) {
      checks.expect(now.identity == identity, "a handle follows its path to another file")
    }
    // A map keeps the file by itself.
    if windows.areMaps { file.closeHandle() }
    file.unload([0])
    try file.load(file.windows)
    file.expect(0..<file.size, of: content, "after its path was given to another file")
    file.close()
  }

  func noticesTruncation() throws {
    // Where bytes are the file's own, a touch raises SIGBUS and a load may be nothing at all.
    if windows.areMaps { return checks.skip("its windows are maps") }
    try withFile(Self.large) { file in
      try directory.resize(directory(Self.large), to: 100)
      if try status(of: file.opened.handle)?.size != 100 {
        return checks.skip("a handle stays at the version that was opened")
      }
      var loads = [file.makeLoad(2)]
      windows.load(&loads)
      checks.expect(
        loads[0].error?.code == .fileTruncated && loads[0].error?.range == file.offsets(of: 2),
        "a window past the file's new end gives \(loads[0].error.map { "\($0)" } ?? "bytes")")
    }
  }

  func refusesWhatHasNoBytesAtOffsets() throws {
    let fifo = directory("fifo")
    _ = unsafe fifo.withPlatformString { unsafe mkfifo($0, 0o600) }
    let listener = try listeningSocket(at: directory("socket"))
    defer { try? listener.close() }
    let open = try FileDescriptor.open(directory.path, .readOnly)
    defer { try? open.close() }
    expect(.notRegularFile, .isDirectory, of: .path(directory.path), "a directory")
    expect(.notRegularFile, of: .path(fifo), "a FIFO")
    expect(.notRegularFile, of: .path(directory("socket")), "a socket")
    expect(.notRegularFile, of: .path("/dev/zero"), "a character device")
    expect(.notRegularFile, of: .descriptor(open), "a directory's descriptor")
    #if os(Linux)
      expect(.unsizedFile, of: .path("/proc/self/status"), "a file under /proc")
    #endif
  }

  func refusesWhatItCannotOpen() throws {
    let missing = FileSource.path(directory("missing"))
    expect(.openFailed, .noSuchFileOrDirectory, of: missing, "a path that leads nowhere")
    let file = directory("4096")
    expect(.openFailed, .notDirectory, of: .path(file.appending("x")), "a path through a file")
    let closed = FileSource.descriptor(FileDescriptor(rawValue: 1 << 30))
    expect(.openFailed, .badFileDescriptor, of: closed, "a closed descriptor")
    let writer = try FileDescriptor.open(file, .writeOnly)
    defer { try? writer.close() }
    expect(.openFailed, nil, of: .descriptor(writer), "a descriptor for writing")
    // Root may read everything.
    if geteuid() != 0 {
      _ = unsafe file.withPlatformString { unsafe chmod($0, 0) }
      expect(.openFailed, .permissionDenied, of: .path(file), "a file that may not be read")
    }
  }

  private func expect(
    _ code: MapError.Code, _ errno: Errno? = nil, of source: FileSource, _ what: String
  ) {
    for forTask in opensForTask {
      guard let error = refusal(of: source, forTask: forTask) else { continue }
      if case .descriptor = source, error.code == .unsupported { continue }
      checks.expect(
        error.code == code && (errno == nil || error.errno == errno) && error.source == source,
        "\(what) ends with \(error), not with .\(code)\(errno.map { " and \($0)" } ?? "") and its source"
      )
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
    if bound != 0 { throw Errno(rawValue: errno) }
    return descriptor
  }
}
