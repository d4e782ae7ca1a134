#if os(Linux)
  import Foundation
  import SlidingMap
  import SystemPackage
  import Testing

  /// Servers that don't answer, and servers that are gone.
  extension FuseTests {
    private static func mount() throws -> FuseMount {
      try FuseMount(["slow": .init(seed: 1), "quick": .init(seed: 2)])
    }

    // MARK: Reads that hang

    /// How much is read at once.
    enum Reads: CaseIterable, Sendable {
      case oneWindow, severalWindows
      /// Windows that load when they are touched, where they are maps.
      case pages

      var windowSize: Int { self == .pages ? 1 << 20 : FuseTests.window }
      var slowCount: Int {
        switch self {
        case .oneWindow: 1_000
        case .severalWindows: 4 * windowSize
        case .pages: FuseTests.size
        }
      }
      /// Fewer windows than those that hang: nobody waits for as many as these to end.
      var quickCount: Int { self == .severalWindows ? 2 * windowSize : slowCount }
    }

    @Test(arguments: BackendKind.allCases, Reads.allCases)
    func `While a read of one file hangs others are read`(
      _ kind: BackendKind, _ reads: Reads
    ) throws {
      let (slow, quick) = (content(Self.size, seed: 1), content(Self.size, seed: 2))
      let fuse = try Self.mount()
      let maps = try Self.maps(kind, windowSize: reads.windowSize)
      try fuse.whileHeld(.reads, of: "slow") {
        var cursor = try maps.cursor(for: fuse["slow"])
        let isRight = try cursor.withBytes(at: 0, count: reads.slowCount) {
          shows($0, slow, at: 0)
        }
        #expect(isRight)
      } meanwhile: {
        let count = reads.quickCount
        var cursor = try maps.cursor(for: fuse["quick"])
        for offset in stride(from: 0, through: Self.size - count, by: reads.windowSize) {
          let isRight = try cursor.withBytes(at: Int64(offset), count: count) {
            shows($0, quick, at: offset)
          }
          #expect(isRight)
        }
        #expect(maps.statistics.cursors == 2 && maps.statistics.files == 2)
        cursor.release()
        maps.collect()
        let buffer = try maps.buffer(for: fuse["quick"], range: 0..<1_000)
        #expect(Array(buffer) == Array(quick[..<1_000]) && buffer.error == nil)
      }
      Self.end(maps, fuse)
    }

    @Test(arguments: BackendKind.allCases)
    func `A task that is cancelled does not wait for a read that hangs`(
      _ kind: BackendKind
    ) async throws {
      let model = content(Self.size, seed: 1)
      let fuse = try Self.mount()
      let maps = try Self.maps(kind)
      try fuse.change("slow") { $0.hold = .reads }
      let task = Task {
        var cursor = try maps.cursor(for: fuse["slow"])
        try await cursor.lease(at: 0, count: 1_000)
      }
      try await fuse.somethingIsHeld()
      task.cancel()
      let result = await task.result
      #expect(mapError { try result.get() }?.code == .cancelled)
      #expect(maps.statistics.pinned == 0)
      try fuse.change("slow") { $0.hold = .nothing }
      do {
        var cursor = try maps.cursor(for: fuse["slow"])
        try await cursor.lease(at: 0, count: Self.size)
        let isRight = shows(cursor.bytes, model, at: 0)
        #expect(isRight)
      }
      Self.end(maps, fuse)
    }

    private static let hasRing = (try? URingProvider(method: .ring)) != nil

    @Test(.enabled(if: hasRing, "there is no io_uring"))
    func `A ring serves other tasks while the lease of one hangs`() async throws {
      let (slow, quick) = (content(Self.size, seed: 1), content(Self.size, seed: 2))
      let fuse = try Self.mount()
      let maps = try Self.maps(.uring)
      try fuse.change("slow") { $0.hold = .reads }
      let task = Task {
        var cursor = try maps.cursor(for: fuse["slow"])
        try await cursor.lease(at: 0, count: 1_000)
        return shows(cursor.bytes, slow, at: 0)
      }
      try await fuse.somethingIsHeld()
      var cursor = try maps.cursor(for: fuse["quick"])
      try await cursor.lease(at: 0, count: Self.size)
      let isRight = shows(cursor.bytes, quick, at: 0)
      try fuse.change("slow") { $0.hold = .nothing }
      let wasRight = try await task.value
      #expect(isRight && wasRight)
    }

    @Test(arguments: BackendKind.allCases)
    func `While a file is being opened others are read`(_ kind: BackendKind) throws {
      let (slow, quick) = (content(Self.size, seed: 1), content(Self.size, seed: 2))
      let fuse = try Self.mount()
      let maps = try Self.maps(kind)
      var first = try maps.cursor(for: fuse["quick"])
      try first.use(at: 0, count: 10)
      try fuse.whileHeld(.opening, of: "slow") {
        var cursor = try maps.cursor(for: fuse["slow"])
        let isRight = try cursor.withBytes(at: 0, count: Self.size) { shows($0, slow, at: 0) }
        #expect(isRight)
      } meanwhile: {
        var cursor = try maps.cursor(for: fuse["quick"])
        let isRight = try cursor.withBytes(at: 0, count: Self.size) { shows($0, quick, at: 0) }
        #expect(isRight && maps.statistics.cursors == 2 && maps.statistics.usage.handles > 0)
        cursor.release()
        maps.collect()
        try cursor.refresh()
      }
      first.release()
    }

    /// It waits for reads that are under way, and nothing is left behind them.
    @Test(
      arguments: BackendKind.allCases,
      [(FuseMount.Hold.reads, window), (.reads, 3 * window), (.opening, window)])
    func `A manager that is shut down while a read hangs leaves nothing`(
      _ kind: BackendKind, _ held: (hold: FuseMount.Hold, count: Int)
    ) throws {
      let model = content(Self.size, seed: 1)
      let fuse = try Self.mount()
      let maps = try Self.maps(kind)
      let ended = Gate(2)
      try fuse.whileHeld(held.hold, of: "slow") {
        do throws(MapError) {
          var cursor = try maps.cursor(for: fuse["slow"])
          let isRight = try cursor.withBytes(at: 0, count: held.count) { shows($0, model, at: 0) }
          #expect(isRight)
        } catch {
          #expect(error.code == .shutdown)
        }
        ended.pass()
      } meanwhile: {
        Thread {
          maps.shutdown()
          ended.pass()
        }.start()
        while mapError({ _ = try maps.cursor(for: fuse["quick"]) })?.code != .shutdown {
          sched_yield()
        }
        #expect(maps.statistics.cursors <= 1)
      }
      Self.end(maps, fuse)
    }

    @Test(arguments: BackendKind.allCases)
    func `The same for a task that waits`(_ kind: BackendKind) async throws {
      let fuse = try Self.mount()
      let maps = try Self.maps(kind)
      try fuse.change("slow") { $0.hold = .reads }
      let task = Task {
        var cursor = try maps.cursor(for: fuse["slow"])
        try await cursor.lease(at: 0, count: 1_000)
      }
      try await fuse.somethingIsHeld()
      async let isOver: Void = withCheckedContinuation { continuation in
        Thread {
          maps.shutdown()
          continuation.resume()
        }.start()
      }
      while mapError({ _ = try maps.cursor(for: fuse["quick"]) })?.code != .shutdown {
        await Task.yield()
      }
      try fuse.change("slow") { $0.hold = .nothing }
      await isOver
      let result = await task.result
      let error = mapError { try result.get() }
      #expect(error == nil || error?.code == .shutdown || error?.code == .cancelled)
      Self.end(maps, fuse)
    }

    // MARK: Servers that are gone

    /// Whether an error says that the server is gone: reading failed, or the look at the file that comes with it.
    private static func isGone(_ error: MapError?) -> Bool {
      guard let error, let errno = error.errno else { return false }
      return [.readFailed, .openFailed].contains(error.code)
        && [.socketNotConnected, .connectionAbort, .ioError].contains(errno)
    }

    @Test(arguments: BackendKind.allCases, [0, 3_600])
    func `A server that dies is an error`(_ kind: BackendKind, _ lasting: UInt64) throws {
      let model = content(Self.size)
      let fuse = try FuseMount(["file": .init(lasting: lasting), "other": .init(lasting: lasting)])
      let maps = try Self.maps(kind)
      do {
        var held = try maps.cursor(for: fuse["file"])
        try held.use(at: 0, count: Self.window)
        let wasRight = shows(held.bytes, model, at: 0)
        #expect(wasRight)
        var cursor = try maps.cursor(for: fuse["file"])
        let buffer = try maps.buffer(for: fuse["file"])
        fuse.killServer()
        let isRight = shows(held.bytes, model, at: 0)
        #expect(isRight, "what is there stays")
        try held.check()
        for window in [3, 7, 3] {
          let error = mapError {
            try cursor.withBytes(at: Int64(window * Self.window), count: 100) { _ in }
          }
          #expect(Self.isGone(error), "\(String(describing: error))")
        }
        #expect(buffer[300_000] == 0)
        #expect(Self.isGone(buffer.error), "\(String(describing: buffer.error))")
        let error = mapError { _ = try maps.cursor(for: fuse["other"]) }
        #expect(Self.isGone(error), "\(String(describing: error))")
        if lasting == 0 {
          let error = mapError { try cursor.refresh() }
          #expect(Self.isGone(error), "\(String(describing: error))")
        }
        #expect(maps.statistics.files == 1 && maps.statistics.pinned == 1)
        maps.collect()
      }
      Self.end(maps, fuse)
    }

    /// By pages of a map that is touched, where there is one.
    @Test(arguments: BackendKind.allCases)
    func `A server that dies under a lease is an error`(_ kind: BackendKind) throws {
      let fuse = try FuseMount(["file": .init(size: 2 << 20)], mostAtOnce: UInt32(Self.page))
      let maps = try Self.maps(kind, windowSize: 1 << 20)
      var cursor = try maps.cursor(for: fuse["file"])
      try cursor.use(at: 100, count: 10)
      fuse.killServer()
      let error = mapError {
        try cursor.withBytes(at: 1 << 20, count: 1 << 20) { _ = $0.count(of: 1) }
      }
      #expect(Self.isGone(error), "\(String(describing: error))")
      cursor.release()
      maps.shutdown()
      #expect(fuse.maps == 0)
    }

    @Test(arguments: BackendKind.allCases, [window, 1 << 20])
    func `A server that dies with a read under way is an error`(
      _ kind: BackendKind, _ windowSize: Int
    ) throws {
      let fuse = try Self.mount()
      let maps = try Self.maps(kind, windowSize: windowSize)
      try fuse.whileHeld(.reads, of: "slow") {
        var cursor = try maps.cursor(for: fuse["slow"])
        let error = mapError {
          try cursor.withBytes(at: 0, count: Self.size) { _ = $0.count(of: 1) }
        }
        #expect(Self.isGone(error), "\(String(describing: error))")
      } meanwhile: {
        fuse.killServer()
      }
      Self.end(maps, fuse)
    }
  }
#endif
