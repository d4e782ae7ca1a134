#if os(Linux)
  import Foundation
  import MMapBackend
  import MapProtocols
  import MapTestSupport
  import MapTesting
  import SlidingMap
  import SystemPackage
  import Testing

  /// Files that are brought into memory before they are used.
  struct WarmTests {
    static let page = 4096
    static let size = 3 << 20

    static func maps(
      _ kind: BackendKind, budget: some Budget = .fixed(bytes: 64 << 20)
    ) throws -> SlidingWindowMapManager {
      SlidingWindowMapManager(backend: try kind.make(), budget: budget, windowSize: 64 << 10)
    }

    /// Whether something holds right after a warm-up, at one of some looks: the system may take pages back at any time.
    private static func holds(
      after warm: () async throws -> Void, _ look: () throws -> Bool
    ) async throws -> Bool {
      for _ in 0..<20 {
        try await warm()
        if try look() { return true }
      }
      return false
    }

    // MARK: What comes into memory

    @Test(arguments: BackendKind.allCases)
    func `A file is in memory afterwards`(_ kind: BackendKind) async throws {
      let scratch = try Scratch()
      let model = content(Self.size + 100)
      let path = try scratch.write("file", model)
      let isCold = try PageCache.chill(path)
      let maps = try Self.maps(kind)
      if isCold { #expect(try maps.residentBytes(of: path) == 0) }
      let warmUp = try await maps.warm(path)
      #expect(warmUp.bytesAsked == model.count && warmUp.bytesWarmed == model.count)
      #expect(warmUp.filesAsked == 1 && warmUp.filesWarmed == 1 && warmUp.isComplete)
      let isThere = try await Self.holds {
        try await maps.warm(path)
      } _: {
        // Copies that are there are not read again, whatever became of the pages they were read from.
        let isCached =
          try kind.isAnonymous
          || PageCache.residentPages(path) == (model.count + 4095) / Self.page
        return try isCached && maps.residentBytes(of: path) == model.count
      }
      #expect(isThere)
      #expect(try maps.residentBytes(of: path, in: 5..<10) == 5)
      #expect(try maps.residentBytes(of: path, in: 5 << 30..<6 << 30) == 0)
      let loads = maps.statistics.counts.loads
      #expect(maps.statistics.usage.bytes == (kind.isAnonymous ? Self.size + Self.page : 0))
      #expect(maps.statistics.cursors == 0)
      #expect(maps.statistics.usage.handles == (kind.isAnonymous ? 1 : 0))
      let isRight = try maps.cursor(for: path).check { cursor in
        try cursor.withBytes(at: 0, count: model.count) { shows($0, model, at: 0) }
      }
      #expect(isRight)
      if kind.isAnonymous { #expect(maps.statistics.counts.loads == loads) }
    }

    @Test(arguments: BackendKind.allCases)
    func `Ranges may overlap, be empty and lie past the end`(_ kind: BackendKind) async throws {
      let scratch = try Scratch()
      let path = try scratch.write("file", content(Self.size))
      let maps = try Self.maps(kind)
      let size = Int64(Self.size)
      let warmUp = try await maps.warm(
        path,
        ranges: [
          100_000..<200_000, 0..<10, 150_000..<250_000, 7..<7, size - 5..<size + 5,
          size + 1..<size + 2,
        ])
      #expect(warmUp.bytesAsked == 150_015 && warmUp.isComplete)
      let isThere = try await Self.holds {
        try await maps.warm(path, ranges: [100_000..<250_000])
      } _: {
        try maps.residentBytes(of: path, in: 100_000..<250_000) == 150_000
      }
      #expect(isThere)
      let nothing = try await maps.warm(path, ranges: [])
      #expect(nothing.bytesAsked == 0 && nothing.isComplete && nothing.filesWarmed == 1)
      if kind.isAnonymous { #expect(maps.statistics.usage.regions == 5) }
    }

    @Test(arguments: BackendKind.allCases)
    func `An empty file is warm, and so is no file at all`(_ kind: BackendKind) async throws {
      let scratch = try Scratch()
      let maps = try Self.maps(kind)
      let empty = try await maps.warm(try scratch.write("empty", []))
      #expect(empty.isComplete && empty.filesWarmed == 1 && empty.bytesAsked == 0)
      let none = try await maps.warm([])
      #expect(none.isComplete && none.filesAsked == 0)
      #expect(try maps.residentBytes(of: scratch["empty"]) == 0)
    }

    @Test(arguments: BackendKind.allCases)
    func `A descriptor will do, of a file that was removed, too`(_ kind: BackendKind) async throws {
      let scratch = try Scratch()
      let path = try scratch.write("file", content(Self.size))
      let file = try FileDescriptor.open(path, .readOnly)
      try scratch.remove("file")
      let maps = try Self.maps(kind)
      let warmUp = try await maps.warm(.descriptor(file))
      #expect(warmUp.isComplete && warmUp.bytesWarmed == Self.size)
      let isThere = try await Self.holds {
        try await maps.warm(.descriptor(file))
      } _: {
        try maps.residentBytes(of: .descriptor(file)) == Self.size
      }
      #expect(isThere)
      try file.close()
      maps.shutdown()
      #expect(scratch.descriptors == 0 && scratch.maps == 0)
    }

    @Test(arguments: BackendKind.allCases)
    func `Whole files`(_ kind: BackendKind) async throws {
      let scratch = try Scratch()
      let maps = StaticWindowMapManager(backend: try kind.make(), budget: .fixed(bytes: 9 << 20))
      let paths = try (0..<5).map { try scratch.write("\($0)", content(Self.size)) }
      let warmUp = try await maps.warm(
        paths.map(FileSource.path), limit: kind.isAnonymous ? nil : 9 << 20)
      #expect(warmUp.filesWarmed == 3 && warmUp.bytesWarmed == 9 << 20 && !warmUp.isComplete)
    }

    // MARK: Bounds

    @Test(arguments: BackendKind.allCases)
    func `A limit bounds what comes, in the order of the files`(_ kind: BackendKind) async throws {
      let scratch = try Scratch()
      let maps = try Self.maps(kind)
      let sources = try (0..<4).map {
        FileSource.path(try scratch.write("\($0)", content(1 << 20)))
      }
      let warmUp = try await maps.warm(sources, limit: 5 << 19)
      #expect(warmUp.bytesAsked == 4 << 20 && warmUp.bytesWarmed == 5 << 19)
      #expect(warmUp.filesWarmed == 2 && warmUp.failures.isEmpty && !warmUp.isComplete)
      let none = try await maps.warm(sources[0], limit: 0)
      #expect(none.bytesWarmed == 0 && none.bytesAsked == 1 << 20)
    }

    @Test(arguments: BackendKind.allCases.filter(\.isAnonymous))
    func `The budget bounds copies`(_ kind: BackendKind) async throws {
      let scratch = try Scratch()
      let path = try scratch.write("file", content(Self.size))
      let maps = try Self.maps(kind, budget: .fixed(bytes: 1 << 20))
      let warmUp = try await maps.warm(path, limit: 2 << 20)
      #expect(warmUp.bytesWarmed == 1 << 20 && !warmUp.isComplete && warmUp.filesWarmed == 0)
      #expect(maps.statistics.usage.bytes == 1 << 20 && maps.statistics.peak.bytes == 1 << 20)
      #expect(try maps.residentBytes(of: path, in: 0..<1 << 20) == 1 << 20)
      let few = try Self.maps(kind, budget: .fixed(regions: 3))
      #expect(try await few.warm(path).bytesWarmed == 3 << 16)
    }

    @Test(arguments: BackendKind.allCases.filter(\.isAnonymous))
    func `What is in use stays, and leaves less room`(_ kind: BackendKind) async throws {
      let scratch = try Scratch()
      let path = try scratch.write("file", content(Self.size))
      let other = try scratch.write("other", content(512 << 10))
      let maps = try Self.maps(kind, budget: .fixed(bytes: 1 << 20))
      var cursor = try maps.cursor(for: other)
      try cursor.use(at: 0, count: 512 << 10)
      let warmUp = try await maps.warm(path)
      #expect(warmUp.bytesWarmed <= 512 << 10 && warmUp.failures.isEmpty && !warmUp.isComplete)
      #expect(view(cursor) == .of(content(512 << 10), 0..<512 << 10))
    }

    @Test(arguments: BackendKind.allCases, [1, 2])
    func `Thousands of files need few handles`(_ kind: BackendKind, _ handles: Int) async throws {
      let scratch = try Scratch()
      let maps = SlidingWindowMapManager(
        backend: try kind.make(), budget: .fixed(bytes: 64 << 20, handles: handles),
        windowSize: 4096)
      let some = try (0..<50).map {
        FileSource.path(try scratch.write("\($0)", content(5000, seed: UInt64($0))))
      }
      let sources = (0..<1500).map { some[$0 % 50] }
      let warmUp = try await maps.warm(sources)
      #expect(warmUp.isComplete && warmUp.filesWarmed == 1500 && warmUp.bytesWarmed == 7_500_000)
      #expect(maps.statistics.peak.handles <= handles && maps.statistics.cursors == 0)
    }

    @Test func `Without a limit half of the memory that is to be had is one`() throws {
      let room = SystemLimits.cacheRoom()
      #expect(room > 0 && room <= SystemLimits.current().memory / 2)
    }

    /// In a process of its own, which nobody else needs descriptors in.
    @Test func `A full descriptor table does not make it larger`() async {
      await #expect(processExitsWith: .success) {
        let before = SystemLimits.cacheRoom()
        var opened: [FileDescriptor] = []
        // A leak checker at the end of the process wants descriptors again.
        defer { for descriptor in opened { try? descriptor.close() } }
        while let descriptor = try? FileDescriptor.open(FilePath("/dev/null"), .readOnly) {
          opened.append(descriptor)
        }
        #expect(SystemLimits.cacheRoom() <= before)
      }
    }

    // MARK: What goes wrong

    @Test(arguments: BackendKind.allCases)
    func `A file that can't be had keeps no other from coming`(_ kind: BackendKind) async throws {
      let scratch = try Scratch()
      let maps = try Self.maps(kind)
      let good = try (0..<3).map { FileSource.path(try scratch.write("\($0)", content(100_000))) }
      try #require(unsafe mkfifo(scratch["fifo"].string, 0o600) == 0)
      let bad: [FileSource] = [
        .path(scratch["missing"]), .path(scratch.path), .path(scratch["fifo"]),
        .path("/proc/self/status"), .name("no such thing"),
      ]
      let warmUp = try await maps.warm([good[0]] + bad[..<3] + [good[1]] + bad[3...] + [good[2]])
      #expect(warmUp.failures.map(\.source) == bad)
      #expect(
        warmUp.failures.map(\.code) == [
          .openFailed, .notRegularFile, .notRegularFile, .unsizedFile, .unsupported,
        ])
      #expect(warmUp.filesAsked == 8 && warmUp.filesWarmed == 3 && !warmUp.isComplete)
      #expect(warmUp.bytesAsked == 300_000 && warmUp.bytesWarmed == 300_000)
      let error = await mapErrorOfTask { try await maps.warm(scratch["missing"]) }
      #expect(error?.code == .openFailed && error?.errno == .noSuchFileOrDirectory)
      #expect(mapError { _ = try maps.residentBytes(of: scratch["missing"]) }?.code == .openFailed)
    }

    @Test func `A relative path is told as it was written`() async throws {
      let maps = SlidingWindowMapManager()
      let error = await mapErrorOfTask { try await maps.warm("no/such/file") }
      #expect(error?.source == .path("no/such/file"))
    }

    @Test func `A file that is cut short meanwhile is read to its end`() async throws {
      let scratch = try Scratch()
      let path = try scratch.write("file", content(Self.size))
      let faults = SyscallFaults()
      let maps = SlidingWindowMapManager(backend: MMapProvider(faults: faults))
      faults.before(.warm) { _ = try? scratch.resize("file", to: 10_000) }
      let warmUp = try await maps.warm(path)
      #expect(warmUp.bytesAsked == Self.size && warmUp.bytesWarmed == 10_000)
      #expect(warmUp.failures.isEmpty && !warmUp.isComplete && warmUp.filesWarmed == 0)
    }

    /// Before it was read, where the number of one that is gone goes to no other.
    @Test(arguments: [false, true])
    func `A path that leads elsewhere meanwhile`(_ isReplaced: Bool) async throws {
      let scratch = try Scratch()
      let path = try scratch.write("file", content(Self.size))
      let file = try FileDescriptor.open(path, .readOnly)
      defer { try? file.close() }
      let faults = SyscallFaults()
      let maps = SlidingWindowMapManager(backend: MMapProvider(faults: faults))
      faults.before(.close) {
        if isReplaced {
          try? scratch.replace("file", by: content(Self.size, seed: 2))
        } else {
          try? scratch.remove("file")
        }
      }
      let error = await mapErrorOfTask { try await maps.warm(path) }
      #expect(error?.code == .fileChanged && error?.source == .path(path))
      #expect(error?.errno == (isReplaced ? nil : .noSuchFileOrDirectory))
      #expect(faults.calls(of: .warm) == 0)
      if isReplaced { #expect(try await maps.warm(path).isComplete) }
      #expect(try await maps.warm(.descriptor(file)).isComplete)
    }

    @Test(arguments: [false, true])
    func `Files that find no descriptor`(_ isLate: Bool) async throws {
      let scratch = try Scratch()
      let faults = SyscallFaults()
      let maps = SlidingWindowMapManager(backend: MMapProvider(faults: faults))
      let sources = try (0..<60).map {
        FileSource.path(try scratch.write("\($0)", content(5000, seed: UInt64($0))))
      }
      faults.fail(.open, with: .tooManyOpenFiles, skipping: isLate ? 70 : 10, times: 5)
      let warmUp = try await maps.warm(sources)
      #expect(warmUp.failures.map(\.code) == Array(repeating: .handlesExhausted, count: 5))
      #expect(warmUp.failures.allSatisfy { $0.errno == .tooManyOpenFiles })
      #expect(warmUp.filesWarmed == 55 && warmUp.bytesWarmed == 55 * 5000)
      #expect(maps.statistics.usage.handles == 0 && scratch.descriptors == 0)
      #expect(try await maps.warm(sources).isComplete)
    }

    @Test func `Where sendfile is refused bytes are read`() async throws {
      let scratch = try Scratch()
      let path = try scratch.write("file", content(Self.size))
      let faults = SyscallFaults()
      faults.fail(.warm, with: .notSupported, times: .max)
      let maps = SlidingWindowMapManager(backend: MMapProvider(faults: faults))
      #expect(try await maps.warm(path).bytesWarmed == Self.size)
      faults.fail(.read, with: .ioError)
      let error = await mapErrorOfTask { try await maps.warm(path) }
      #expect(
        error?.code == .readFailed && error?.errno == .ioError && error?.source == .path(path))
      faults.fail(.warm, with: .ioError)
      let other = await mapErrorOfTask { try await maps.warm(path) }
      #expect(other?.code == .readFailed && other?.errno == .ioError)
    }

    @Test func `Where the kernel has no cachestat mincore tells`() async throws {
      let scratch = try Scratch()
      let path = try scratch.write("file", content(40_000_000))
      let faults = SyscallFaults()
      faults.fail(.cachestat, with: .noFunction, times: .max)
      let maps = SlidingWindowMapManager(backend: MMapProvider(faults: faults))
      let isThere = try await Self.holds {
        try await maps.warm(path)
      } _: {
        try maps.residentBytes(of: path, in: 1..<39_999_999) == 39_999_998
      }
      #expect(isThere)
      if try PageCache.chill(path) { #expect(try maps.residentBytes(of: path) == 0) }
      faults.fail(.cachestat, with: .notPermitted, times: .max)
      #expect(try maps.residentBytes(of: path) == nil)
    }

    /// Whose pages are in memory is not for everybody to know.
    @Test(.enabled(if: geteuid() == 0, "root may become another"))
    func `Nobody tells of another user's file`() async {
      await #expect(processExitsWith: .success) {
        let scratch = try Scratch()
        let path = try scratch.write("file", content(100_000))
        try #require(unsafe chmod(scratch.path.string, 0o755) == 0)
        try #require(unsafe chmod(path.string, 0o644) == 0)
        let maps = SlidingWindowMapManager(backend: .mmap)
        let isThere = try await Self.holds {
          try await maps.warm(path)
        } _: {
          try maps.residentBytes(of: path) == 100_000
        }
        #expect(isThere)
        try #require(seteuid(65_534) == 0)
        defer { _ = seteuid(0) }
        #expect(try maps.residentBytes(of: path) == nil)
        #expect(try await maps.warm(path).isComplete)
      }
    }
  }

  extension WindowCursor {
    /// Calls a body with this cursor, which is to be changed.
    consuming func check<R>(_ body: (inout WindowCursor) throws -> R) rethrows -> R {
      var cursor = self
      return try body(&cursor)
    }
  }
#endif
