#if os(Linux)
  import Foundation
  import MMapBackend
  import MapProtocols
  import SlidingMap
  import SystemPackage
  import Testing

  /// File systems that answer as they like: FUSE, of which each test has one of its own. Needs root and /dev/fuse.
  @Suite(.enabled(if: FuseMount.isPossible, "mounting a file system takes root and /dev/fuse"))
  struct FuseTests {
    static let window = 64 << 10
    static let size = 8 * window
    static let page = 4096

    static func maps(
      _ kind: BackendKind, windowSize: Int = FuseTests.window,
      budget: some Budget = .fixed(bytes: 16 << 20)
    ) throws -> SlidingWindowMapManager {
      SlidingWindowMapManager(backend: try kind.make(), budget: budget, windowSize: windowSize)
    }

    /// Ends a manager, and looks whether anything of the mount is left open or mapped.
    static func end(_ maps: MapManager, _ fuse: FuseMount) {
      maps.shutdown()
      #expect(fuse.descriptors == 0 && fuse.maps == 0)
      #expect(maps.statistics.usage.handles == 0 && maps.statistics.inFlight == 0)
    }

    // MARK: A disk with bad pages

    @Test(arguments: BackendKind.allCases, [nil, UInt32(page)])
    func `A page that the disk does not give is an error, and those beside it are right`(
      _ kind: BackendKind, _ mostAtOnce: UInt32?
    ) throws {
      let model = content(Self.size)
      let bad = 3 * Self.window + 2 * Self.page
      let fuse = try FuseMount(
        ["file": .init(failing: UInt64(bad)..<UInt64(bad + 2 * Self.page))], mostAtOnce: mostAtOnce)
      let maps = try Self.maps(kind)
      do {
        var cursor = try maps.cursor(for: fuse["file"])
        for _ in 0..<2 {
          let error = mapError { try cursor.withBytes(at: Int64(bad + 100), count: 10) { _ in } }
          #expect(error?.code == .readFailed && error?.errno == .ioError)
          #expect(error?.range?.contains(Int64(bad + 100)) == true)
          #expect(error?.source == .path(fuse["file"]))
        }
        for window in 0..<8 where window != 3 {
          let start = window * Self.window
          let isRight = try cursor.withBytes(at: Int64(start), count: Self.window) {
            shows($0, model, at: start)
          }
          #expect(isRight, "window \(window)")
        }
        let buffer = try maps.buffer(for: fuse["file"])
        #expect(buffer[100] == model[100] && buffer.error == nil)
        #expect(buffer[bad] == 0 && buffer.error?.code == .readFailed)
        #expect(mapError { try buffer.withBytes(in: bad..<bad + 1) { _ in } }?.errno == .ioError)

        try fuse.change("file") { $0.failing = 0..<0 }
        var other = try maps.cursor(for: fuse["file"])
        let isRightThere = try other.withBytes(at: 0, count: Self.size) { shows($0, model, at: 0) }
        #expect(isRightThere)
        try cursor.refresh()
        let isRightHere = try cursor.withBytes(at: 0, count: Self.size) { shows($0, model, at: 0) }
        #expect(isRightHere)
        #expect(maps.statistics.counts.failedLoads > 0 || maps.statistics.counts.faults > 0)
      }
      Self.end(maps, fuse)
    }

    /// Whoever looks at `bytes` is told by `check`, or by the next use.
    @Test(arguments: BackendKind.allCases, [false, true])
    func `Who reads past a bad page by a lease is told`(
      _ kind: BackendKind, _ isChecked: Bool
    ) throws {
      // Windows that load when they are touched, where they are maps.
      let windowSize = 1 << 20
      let model = content(2 * windowSize)
      let bad = 40 * Self.page
      let start = UInt64(windowSize + bad)
      let fuse = try FuseMount(
        ["file": .init(size: 2 * windowSize, failing: start..<start + UInt64(Self.page))])
      let maps = try Self.maps(kind, windowSize: windowSize)
      var cursor = try maps.cursor(for: fuse["file"])
      let error = mapError {
        try cursor.use(at: Int64(windowSize), count: windowSize)
        #expect(kind == .mmap || kind == .automatic)
        let isRight = unsafe cursor.bytes.withUnsafeBytes { bytes in
          unsafe bytes[..<bad].elementsEqual(model[windowSize..<windowSize + bad])
            && bytes[bad] == 0
        }
        #expect(isRight)
        if isChecked { try cursor.check() } else { try cursor.use(at: 0, count: 10) }
      }
      #expect(error?.code == .readFailed && error?.errno == .ioError)
      let isValid = cursor.isValid
      #expect(!isValid)
      try fuse.change("file") { $0.failing = 0..<0 }
      let isRight = try cursor.withBytes(at: 0, count: 2 * windowSize) { shows($0, model, at: 0) }
      #expect(isRight)
    }

    /// Over a budget of few windows, so that the default backend reads past windows, too.
    @Test(arguments: BackendKind.allCases, [nil, UInt32(page)])
    func `Random reads of a disk with bad pages`(
      _ kind: BackendKind, _ mostAtOnce: UInt32?
    ) throws {
      let size = 4 << 20
      let windowSize = 256 << 10
      let model = content(size)
      let bad = 1_000 * Self.page..<1_003 * Self.page
      let fuse = try FuseMount(
        ["file": .init(size: size, failing: UInt64(bad.lowerBound)..<UInt64(bad.upperBound))],
        mostAtOnce: mostAtOnce)
      let maps = try Self.maps(
        kind, windowSize: windowSize, budget: .fixed(bytes: 4 * windowSize))
      var dice = Dice(seed: 5)
      var cursor = try maps.cursor(for: fuse["file"])
      var failures = 0
      for round in 0..<1_000 {
        let count = 1 + dice.draw(5_000)
        // Every fourth near the bad pages.
        let near = bad.lowerBound - 20_000 + dice.draw(40_000)
        let offset = round % 4 == 0 ? near : dice.draw(size - count)
        let range = offset..<offset + count
        let windows = range.lowerBound / windowSize...(range.upperBound - 1) / windowSize
        do throws(MapError) {
          let isRight = try cursor.withBytes(at: Int64(offset), count: count) {
            shows($0, model, at: offset)
          }
          #expect(isRight && !range.overlaps(bad), "\(range)")
        } catch {
          failures += 1
          #expect(error.code == .readFailed && error.errno == .ioError)
          #expect(windows.contains(bad.lowerBound / windowSize), "\(range)")
        }
      }
      #expect(failures > 0)
    }

    /// The kernel believes in the old size, until reads find the end.
    @Test(arguments: BackendKind.allCases, [window, 1 << 20])
    func `A file that its server cuts short shows no byte that it does not have`(
      _ kind: BackendKind, _ windowSize: Int
    ) throws {
      let model = content(Self.size)
      let fuse = try FuseMount(["file": .init(lasting: 3_600)])
      let maps = try Self.maps(kind, windowSize: windowSize)
      var cursor = try maps.cursor(for: fuse["file"])
      try cursor.use(at: 0, count: 100)
      try fuse.change("file") { $0.size = 25 * Self.page }
      var dice = Dice(seed: 9)
      var failures = 0
      for _ in 0..<300 {
        let (offset, count) = (dice.draw(Self.size - 5_000), 1 + dice.draw(5_000))
        do throws(MapError) {
          // What was read ahead before may be there still.
          let isRight = try cursor.withBytes(at: Int64(offset), count: count) {
            shows($0, model, at: offset)
          }
          #expect(isRight, "\(count) at \(offset)")
        } catch {
          failures += 1
          #expect([.fileTruncated, .readFailed, .fileChanged].contains(error.code), "\(error)")
        }
      }
      // A copy of all of it was read before.
      #expect(failures > 0 || kind.isAnonymous && windowSize > Self.size)
    }

    /// In the middle of what is read at once.
    @Test(arguments: BackendKind.allCases, [nil, UInt32(page)])
    func `A file with bad pages is neither warm nor locked`(
      _ kind: BackendKind, _ mostAtOnce: UInt32?
    ) async throws {
      let bad = UInt64(300 * Self.page)..<UInt64(301 * Self.page)
      let fuse = try FuseMount(["file": .init(size: 4 << 20, failing: bad)], mostAtOnce: mostAtOnce)
      let maps = try Self.maps(kind)
      let error = await mapErrorOfTask { try await maps.warm(fuse["file"]) }
      #expect(error?.code == .readFailed && error?.errno == .ioError)
      #expect(error?.source == .path(fuse["file"]))
      #expect(error?.range?.contains(Int64(bad.lowerBound)) == true)
      let other = await mapErrorOfTask { _ = try await maps.lockInMemory(fuse["file"]) }
      #expect(other?.code == .readFailed && other?.errno == .ioError)
      let good = Int64(Int(bad.lowerBound) / Self.window * Self.window)
      let before = try await maps.warm(fuse["file"], ranges: [0..<good])
      #expect(before.isComplete)
      try fuse.change("file") { $0.failing = 0..<0 }
      #expect(try await maps.warm(fuse["file"]).isComplete)
      Self.end(maps, fuse)
    }

    /// When all was read, and only what maps have is missing.
    @Test func `What can't be read while it is locked is told apart from what may not be`()
      async throws
    {
      let fuse = try FuseMount(["file": .init(size: 1 << 20)])
      let faults = SyscallFaults()
      let maps = SlidingWindowMapManager(backend: MMapProvider(faults: faults))
      faults.before(.warm) {
        faults.before(.close) {
          _ = try? PageCache.chill(fuse["file"])
          try? fuse.change("file") { $0.failing = 0..<4096 }
        }
      }
      let error = await mapErrorOfTask { _ = try await maps.lockInMemory(fuse["file"]) }
      #expect(error?.code == .readFailed && error?.errno == .ioError)
      Self.end(maps, fuse)
    }

    // MARK: Numbers

    @Test(arguments: BackendKind.allCases, [["one", "two"], ["two", "one"]])
    func `Files with one number are never taken for each other`(
      _ kind: BackendKind, _ names: [String]
    ) throws {
      let models = ["one": content(Self.size, seed: 1), "two": content(Self.size, seed: 2)]
      let fuse = try FuseMount(["one": .init(seed: 1, number: 7), "two": .init(seed: 2, number: 7)])
      // Of one handle each is opened again and again, where windows are copies.
      let maps = try Self.maps(
        kind, budget: .fixed(bytes: 6 * Self.window, handles: 1))
      var cursors: [(name: String, held: Held)] = []
      func read(_ offset: Int, _ count: Int) throws {
        for (name, held) in cursors {
          let isRight = try held.cursor.withBytes(at: Int64(offset), count: count) {
            shows($0, models[name]!, at: offset)
          }
          #expect(isRight, "\(name) at \(offset)")
          held.cursor.release()
        }
      }
      for name in names + names {
        cursors.append((name, Held(try maps.cursor(for: fuse[name]))))
        try read(0, 1_000)
      }
      for offset in stride(from: 0, to: Self.size - Self.window, by: 50_000) {
        try read(offset, Self.window)
      }
      for (_, held) in cursors {
        try held.cursor.refresh()
        try read(300_000, 1_000)
      }
      maps.collect()
      try read(100_000, 1_000)
      cursors.removeFirst(3)
      maps.collect()
      for name in names { cursors.append((name, Held(try maps.cursor(for: fuse[name])))) }
      try read(200_000, 1_000)
    }

    /// A descriptor says which file it is of as long as it is open; its number is another one's afterwards.
    @Test(arguments: BackendKind.allCases)
    func `Nor are those behind descriptors of one number`(_ kind: BackendKind) throws {
      let fuse = try FuseMount(["one": .init(seed: 1, number: 7), "two": .init(seed: 2, number: 7)])
      let maps = try Self.maps(kind)
      var cursors: [Held] = []
      for name in ["one", "two"] {
        let file = try FileDescriptor.open(fuse[name], .readOnly)
        cursors.append(Held(try maps.cursor(for: file)))
        try file.close()
        cursors.append(Held(try maps.cursor(for: fuse[name])))
      }
      for offset in [0, 200_000] {
        for (index, held) in cursors.enumerated() {
          let model = content(Self.size, seed: UInt64(1 + index / 2))
          try held.cursor.refresh()
          let isRight = try held.cursor.withBytes(at: Int64(offset), count: 50_000) {
            shows($0, model, at: offset)
          }
          #expect(isRight, "\(index) at \(offset)")
        }
      }
    }

    /// Which file system it is can't be asked then.
    @Test(arguments: BackendKind.allCases)
    func `Nor are those of a server that does not tell of itself`(_ kind: BackendKind) throws {
      let fuse = try FuseMount(
        ["one": .init(seed: 1, number: 7), "two": .init(seed: 2, number: 7)], refusesStatFS: true)
      let maps = try Self.maps(kind)
      var system = statvfs()
      #expect(unsafe statvfs(fuse["one"].string, &system) != 0)
      var cursors: [Held] = []
      for (name, seed) in [("one", 1), ("two", 2), ("one", 1)] as [(String, UInt64)] {
        let held = Held(try maps.cursor(for: fuse[name]))
        cursors.append(held)
        let model = content(Self.size, seed: seed)
        let isRight = try held.cursor.withBytes(at: 0, count: Self.size) { shows($0, model, at: 0) }
        #expect(isRight, "\(name)")
      }
    }

    // MARK: Direct I/O

    @Test(arguments: BackendKind.allCases, [false, true])
    func `A file under direct I/O is read by whoever can`(
      _ kind: BackendKind, _ mayBeMapped: Bool
    ) throws {
      let model = content(Self.size)
      let fuse = try FuseMount(["file": .init(isDirect: true)], mapsDirectFiles: mayBeMapped)
      let isMapped = try Self.allowsSharedMap(of: fuse["file"])
      #expect(mayBeMapped || !isMapped, "Linux refuses shared maps, unless the server allows them")
      let maps = try Self.maps(kind)
      if kind == .mmap && !isMapped {
        let error = mapError { _ = try maps.cursor(for: fuse["file"]) }
        #expect(error?.code == .notMappable && error?.errno == .operationNotSupportedByDevice)
      } else {
        var cursor = try maps.cursor(for: fuse["file"])
        for offset in stride(from: 0, to: Self.size, by: 30_000) {
          let count = min(70_000, Self.size - offset)
          let isRight = try cursor.withBytes(at: Int64(offset), count: count) {
            shows($0, model, at: offset)
          }
          #expect(isRight)
        }
        let isTakenOver = kind == .automatic && !isMapped
        #expect(maps.statistics.takeoverFiles == (isTakenOver ? 1 : 0))
        #expect((maps.statistics.counts.takeovers > 0) == isTakenOver)
        #expect(maps.statistics.counts.returnsToPrimary == 0)
      }
      Self.end(maps, fuse)
    }

    private static func allowsSharedMap(of path: FilePath) throws -> Bool {
      let file = try FileDescriptor.open(path, .readOnly)
      return try file.closeAfter {
        let base = unsafe mmap(nil, page, PROT_READ, MAP_SHARED, file.rawValue, 0)
        if unsafe base == MAP_FAILED { return false }
        _ = unsafe munmap(base, page)
        return true
      }
    }
  }
#endif
