#if os(Linux)
  import Foundation
  import MMapBackend
  import MapProtocols
  import MapTestSupport
  import MapTesting
  import SlidingMap
  import SystemPackage
  import Testing

  /// Progress, cancelling, shutting down, and what is left.
  extension WarmTests {
    @Test(arguments: BackendKind.allCases)
    func `Progress only grows, and ends with what is returned`(_ kind: BackendKind) async throws {
      let scratch = try Scratch()
      let maps = try Self.maps(kind)
      let sources = try (0..<60).map {
        FileSource.path(try scratch.write("\($0)", content(350_000, seed: UInt64($0))))
      }
      let told = Locked<[WarmUp]>([])
      let warmUp = try await maps.warm(sources) { report in told.withLock { $0.append(report) } }
      let all = told.withLock { $0 }
      #expect(all.last == warmUp && warmUp.isComplete && all.count <= 101)
      for (before, after) in zip(all, all.dropFirst()) {
        #expect(before.bytesWarmed < after.bytesWarmed && before.filesWarmed <= after.filesWarmed)
      }
      #expect(all.allSatisfy { $0.bytesAsked == 21_000_000 && $0.filesAsked == 60 })
    }

    @Test func `A cancelled task does not wait for a read that hangs`() async throws {
      let scratch = try Scratch()
      let path = try scratch.write("file", content(Self.size))
      let backend = HeldReads()
      let maps = SlidingWindowMapManager(backend: backend, windowSize: 64 << 10)
      let task = Task { try await maps.warm(path) }
      await backend.firstRead()
      task.cancel()
      let error = await mapErrorOfTask { _ = try await task.value }
      #expect(error?.code == .cancelled)
      backend.gate.open()
      maps.shutdown()
      #expect(scratch.descriptors == 0 && maps.statistics.usage.handles == 0)
      #expect(maps.statistics.cursors == 0 && maps.statistics.usage.bytes == 0)
    }

    @Test func `A task that is cancelled beforehand warms nothing`() async throws {
      let scratch = try Scratch()
      let path = try scratch.write("file", content(Self.size))
      let maps = SlidingWindowMapManager()
      let task = Task {
        unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
        return try await maps.warm(path)
      }
      #expect(await mapErrorOfTask { _ = try await task.value }?.code == .cancelled)
    }

    @Test func `Shutting down ends it`() async throws {
      let scratch = try Scratch()
      let path = try scratch.write("file", content(Self.size))
      let backend = HeldReads()
      let maps = SlidingWindowMapManager(backend: backend, windowSize: 64 << 10)
      let task = Task { try await maps.warm(path) }
      await backend.firstRead()
      let thread = Thread { maps.shutdown() }
      thread.start()
      while mapError({ _ = try maps.cursor(for: path) })?.code != .shutdown { sched_yield() }
      backend.gate.open()
      #expect(await mapErrorOfTask { _ = try await task.value }?.code == .shutdown)
      maps.shutdown()
      #expect(scratch.descriptors == 0)
      #expect(await mapErrorOfTask { try await maps.warm(path) }?.code == .shutdown)
    }

    @Test(arguments: BackendKind.allCases)
    func `Who is told of progress may shut down`(_ kind: BackendKind) async throws {
      let scratch = try Scratch()
      let path = try scratch.write("file", content(40 << 20))
      let maps = try Self.maps(kind)
      let error = await mapErrorOfTask { try await maps.warm(path) { _ in maps.shutdown() } }
      #expect(error?.code == .shutdown)
      maps.shutdown()
      #expect(scratch.descriptors == 0 && scratch.maps == 0)
    }

    /// The only one that there may be.
    @Test(.timeLimit(.minutes(2)), arguments: BackendKind.allCases)
    func `Who is told of progress may use the handle`(_ kind: BackendKind) async throws {
      let scratch = try Scratch()
      let path = try scratch.write("file", content(40 << 20))
      let other = try scratch.write("other", content(5000, seed: 2))
      let maps = SlidingWindowMapManager(
        backend: try kind.make(), budget: .fixed(bytes: 64 << 20, handles: 1),
        windowSize: 64 << 10)
      let shown = Locked<[Bool]>([])
      let warmUp = try await maps.warm(path) { _ in
        let isRight = try? maps.cursor(for: other).check { cursor in
          try cursor.withBytes(at: 0, count: 5000) { shows($0, content(5000, seed: 2), at: 0) }
        }
        shown.withLock { $0.append(isRight == true) }
      }
      #expect(warmUp.isComplete && shown.withLock { $0.count > 1 && $0.allSatisfy { $0 } })
    }

    /// Each of them would wait for the other's threads.
    @Test(.timeLimit(.minutes(2)), arguments: BackendKind.allCases)
    func `Two that are told of progress may both shut down`(_ kind: BackendKind) async throws {
      let scratch = try Scratch()
      let path = try scratch.write("file", content(4 << 20))
      let maps = try Self.maps(kind)
      let both = Gate(2)
      let codes = await withTaskGroup(of: MapError.Code?.self) { group in
        for _ in 0..<2 {
          group.addTask {
            let isFirst = Locked(true)
            let error = await mapErrorOfTask {
              try await maps.warm(path) { _ in
                let isFirst = isFirst.withLock { first in
                  defer { first = false }
                  return first
                }
                if isFirst { both.pass() }
                maps.shutdown()
              }
            }
            return error?.code
          }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(codes == [.shutdown, .shutdown])
      maps.shutdown()
      #expect(scratch.descriptors == 0 && scratch.maps == 0)
    }

    /// The calling thread does the work then.
    @Test(
      .enabled(if: geteuid() == 0, "root may become another"),
      .disabled(if: ProcessResources.isSanitized, "it needs threads of its own"),
      arguments: BackendKind.allCases)
    func `Where no thread can be had who is told may shut down`(_ kind: BackendKind) async {
      await #expect(processExitsWith: .success) { [kind] in
        let scratch = try Scratch()
        let path = try scratch.write("file", content(4 << 20))
        try #require(unsafe chmod(scratch.path.string, 0o755) == 0)
        try #require(unsafe chmod(path.string, 0o644) == 0)
        let maps = try Self.maps(kind)
        // Of the threads of a user, root's are not counted.
        try setLimit(__RLIMIT_NPROC, to: 0)
        try #require(setreuid(65_534, .max) == 0 && seteuid(65_534) == 0)
        defer { _ = seteuid(0) }
        #expect(throws: Errno.resourceTemporarilyUnavailable) { _ = try ServiceThread {} }
        let error = await mapErrorOfTask { try await maps.warm(path) { _ in maps.shutdown() } }
        #expect(error?.code == .shutdown)
        maps.shutdown()
        #expect(scratch.descriptors == 0 && scratch.maps == 0)
      }
    }

    /// What a thread holds goes before it does.
    @Test(.timeLimit(.minutes(2)))
    func `Shutting down waits for threads that nobody else waits for`() async throws {
      let scratch = try Scratch()
      let path = try scratch.write("file", content(Self.size))
      let backend = HeldReads()
      let maps = SlidingWindowMapManager(backend: backend, windowSize: 64 << 10)
      let end = SlowEnd()
      let task = Task { await Self.warm(path, maps, end) }
      await backend.firstRead()
      task.cancel()
      #expect(await task.value == .cancelled)
      backend.gate.open()
      // All work is done then, and the last thread about to end.
      while !end.hasBegun.withLock({ $0 }) { await Task.yield() }
      Thread {
        while mapError({ _ = try maps.cursor(for: path) })?.code != .shutdown { sched_yield() }
        end.mayEnd.open()
      }.start()
      maps.shutdown()
      #expect(end.hasEnded.withLock { $0 })
    }

    /// Of a thing's life.
    private final class SlowEnd: Sendable {
      let hasBegun = Locked(false)
      let mayEnd = Gates()
      let hasEnded = Locked(false)
    }

    private final class Thing: Sendable {
      private let end: SlowEnd
      init(_ end: SlowEnd) { self.end = end }
      deinit {
        end.hasBegun.withLock { $0 = true }
        end.mayEnd.wait()
        end.hasEnded.withLock { $0 = true }
      }
    }

    private static func warm(
      _ path: FilePath, _ maps: MapManager, _ end: SlowEnd
    ) async -> MapError.Code? {
      let thing = Thing(end)
      return await mapErrorOfTask {
        try await maps.warm(path) { _ in withExtendedLifetime(thing) {} }
      }?.code
    }

    /// The thread of a read that hung is the last to hold it.
    @Test(.timeLimit(.minutes(2)))
    func `A manager may end on a thread of its own`() async throws {
      let scratch = try Scratch()
      let path = try scratch.write("file", content(Self.size))
      let backend = HeldReads()
      do {
        let maps = SlidingWindowMapManager(backend: backend, windowSize: 64 << 10)
        let task = Task { [maps] in _ = try await maps.warm(path) }
        await backend.firstRead()
        task.cancel()
        #expect(await mapErrorOfTask { try await task.value }?.code == .cancelled)
      }
      backend.gate.open()
      while scratch.descriptors > 0 || scratch.maps > 0 { await Task.yield() }
    }

    /// It must not wait for itself.
    @Test func `A thread that ends its owner's life finds itself`() throws {
      final class Owner: Sendable {
        let thread = Guarded<ServiceThread?>(nil)
        let isOnThread: Locked<Bool?>
        init(_ isOnThread: Locked<Bool?>) { self.isOnThread = isOnThread }
        deinit {
          let thread = thread.withLock { $0 }
          isOnThread.withLock { $0 = thread?.isCurrent }
          thread?.join()
        }
      }
      let isOnThread = Locked<Bool?>(nil)
      let gate = Gates()
      do {
        let owner = Owner(isOnThread)
        let thread = try ServiceThread { [owner] in
          gate.wait()
          withExtendedLifetime(owner) {}
        }
        owner.thread.withLock { $0 = thread }
      }
      gate.open()
      while isOnThread.withLock({ $0 }) == nil { sched_yield() }
      #expect(isOnThread.withLock { $0 } == true)
    }

    @Test(arguments: BackendKind.allCases)
    func `Many warm-ups at a time, and readers beside them`(_ kind: BackendKind) async throws {
      let scratch = try Scratch()
      let maps = try Self.maps(kind, budget: .fixed(bytes: 8 << 20, handles: 3))
      let paths = try (0..<8).map { try scratch.write("\($0)", content(900_000, seed: UInt64($0))) }
      let wrong = try await withThrowingTaskGroup(of: Int.self) { group in
        for round in 0..<24 {
          group.addTask {
            if round % 3 == 0 {
              let path = paths[round / 3]
              var cursor = try await maps.open(path)
              try await cursor.lease(at: 0, count: 100_000)
              return view(cursor) == .of(content(900_000, seed: UInt64(round / 3)), 0..<100_000)
                ? 0 : 1
            }
            return try await maps.warm(paths.map(FileSource.path)).failures.count
          }
        }
        return try await group.reduce(0, +)
      }
      #expect(wrong == 0 && maps.statistics.cursors == 0)
      #expect(maps.statistics.peak.handles <= 3)
    }

    @Test(.disabled(if: ProcessResources.isSanitized, "its threads are not the program's"))
    func `Nothing is left`() async {
      await #expect(processExitsWith: .success) {
        let scratch = try Scratch()
        let paths = try (0..<20).map { try scratch.write("\($0)", content(100_000)) }
        let sources = paths.map(FileSource.path)
        for kind in BackendKind.allCases {
          let maps = SlidingWindowMapManager(backend: try kind.make(), windowSize: 64 << 10)
          for _ in 0..<3 { _ = try await maps.warm(sources) }
          let before = try Self.threads()
          for _ in 0..<20 { _ = try await maps.warm(sources) }
          #expect(try Self.threads() <= before + 1)
          maps.shutdown()
          #expect(scratch.descriptors == 0 && scratch.maps == 0)
        }
      }
    }

    private static func threads() throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
    }

    @Test func `Offsets and limits below 0 are the caller's mistake`() async {
      await #expect(processExitsWith: .failure) {
        _ = try await SlidingWindowMapManager().warm("/dev/null", ranges: [-1..<1])
      }
      await #expect(processExitsWith: .failure) {
        _ = try await SlidingWindowMapManager().warm([], limit: -1)
      }
      await #expect(processExitsWith: .failure) {
        _ = try SlidingWindowMapManager().residentBytes(of: "/dev/null", in: -1..<1)
      }
    }
  }
#endif
