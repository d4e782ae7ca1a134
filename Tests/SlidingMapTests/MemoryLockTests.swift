#if os(Linux)
  import Foundation
  import MMapBackend
  import MapProtocols
  import MapTestSupport
  import MapTesting
  import SlidingMap
  import SystemPackage
  import Testing

  /// Files that are kept in memory, in processes of their own: what is locked is counted for the whole process.
  @Suite(
    .enabled(if: ProcessResources.isAvailable, "needs /proc"),
    .disabled(if: ProcessResources.isSanitized, "a sanitizer's memory is not the program's"))
  struct MemoryLockTests {
    private static let size = 1 << 20

    private static func locked() throws -> Int { try ProcessResources().lockedBytes }

    @Test(arguments: BackendKind.allCases)
    func `Bytes stay until they are let go of`(_ kind: BackendKind) async {
      await #expect(processExitsWith: .success) { [kind] in
        let scratch = try Scratch()
        let model = content(Self.size)
        let path = try scratch.write("file", model)
        _ = try PageCache.chill(path)
        let maps = SlidingWindowMapManager(
          backend: try kind.make(), budget: .fixed(bytes: 4 << 20), windowSize: 64 << 10)
        let before = try Self.locked()
        let lock = try await maps.lockInMemory(path, ranges: [5000..<6000, 100_000..<200_000])
        #expect(lock.byteCount == 4096 + 102_400)
        #expect(try Self.locked() - before == lock.byteCount)
        #expect(maps.statistics.lockedBytes == lock.byteCount)
        maps.collect()
        var cursor = try maps.cursor(for: path)
        let isRight = try cursor.withBytes(at: 0, count: Self.size) { shows($0, model, at: 0) }
        #expect(isRight)
        cursor.release()
        maps.collect()
        #expect(try Self.locked() - before == lock.byteCount)
        #expect(try maps.residentBytes(of: path, in: 100_000..<200_000) == 100_000)
        lock.unlock()
        lock.unlock()
        #expect(try Self.locked() == before && maps.statistics.lockedBytes == 0)
        maps.collect()
        #expect(maps.statistics.usage.bytes == 0 && maps.statistics.pinned == 0)
        maps.shutdown()
        #expect(scratch.descriptors == 0)
      }
    }

    @Test(arguments: BackendKind.allCases)
    func `The last of several locks counts`(_ kind: BackendKind) async {
      await #expect(processExitsWith: .success) { [kind] in
        let scratch = try Scratch()
        let path = try scratch.write("file", content(Self.size))
        let maps = SlidingWindowMapManager(backend: try kind.make(), windowSize: 64 << 10)
        let before = try Self.locked()
        let one = try await maps.lockInMemory(path, ranges: [0..<200_000])
        let other = try await maps.lockInMemory(path, ranges: [100_000..<300_000])
        one.unlock()
        #expect(try Self.locked() - before == other.byteCount)
        _ = consume one
        other.unlock()
        #expect(try Self.locked() == before)
      }
    }

    /// Like a lease.
    @Test(arguments: BackendKind.allCases)
    func `A lock outlasts its manager`(_ kind: BackendKind) async {
      await #expect(processExitsWith: .success) { [kind] in
        let scratch = try Scratch()
        let path = try scratch.write("file", content(Self.size))
        let before = try Self.locked()
        do {
          let lock: MemoryLock
          do {
            let maps = SlidingWindowMapManager(backend: try kind.make(), windowSize: 64 << 10)
            lock = try await maps.lockInMemory(path)
            maps.shutdown()
          }
          #expect(try Self.locked() - before == Self.size)
          #expect(lock.byteCount == Self.size)
        }
        #expect(try Self.locked() == before)
        #expect(scratch.descriptors == 0 && scratch.maps == 0)
      }
    }

    @Test(arguments: BackendKind.allCases)
    func `After a fork nothing is locked in the child, nor unlocked by it`(
      _ kind: BackendKind
    ) async {
      await #expect(processExitsWith: .success) { [kind] in
        let scratch = try Scratch()
        let path = try scratch.write("file", content(Self.size))
        let maps = SlidingWindowMapManager(backend: try kind.make(), windowSize: 64 << 10)
        let before = try Self.locked()
        let lock = try await maps.lockInMemory(path)
        let child = forkProcess()
        if child == 0 {
          let isFree = try Self.locked() == 0
          lock.unlock()
          _exit(isFree && lock.byteCount == Self.size ? 0 : 1)
        }
        #expect(endsWell(child))
        #expect(try Self.locked() - before == Self.size)
        lock.unlock()
        #expect(try Self.locked() == before && maps.statistics.lockedBytes == 0)
      }
    }

    @Test(arguments: BackendKind.allCases)
    func `RLIMIT_MEMLOCK`(_ kind: BackendKind) async {
      await #expect(processExitsWith: .success) { [kind] in
        let scratch = try Scratch()
        let path = try scratch.write("file", content(Self.size))
        _ = try PageCache.chill(path)
        try #require(unsafe chmod(scratch.path.string, 0o755) == 0)
        try #require(unsafe chmod(path.string, 0o644) == 0)
        let maps = SlidingWindowMapManager(backend: try kind.make(), windowSize: 64 << 10)
        try setLimit(__RLIMIT_MEMLOCK, to: 256 << 10)
        // As root no longer, for whom there is no limit.
        if geteuid() == 0 { try #require(seteuid(65_534) == 0) }
        defer { _ = seteuid(getuid()) }
        let before = try Self.locked()
        let small = try await maps.lockInMemory(path, ranges: [0..<100_000])
        let error = await mapErrorOfTask { _ = try await maps.lockInMemory(path) }
        #expect(error?.code == .lockedMemoryExhausted && error?.errno == .noMemory)
        #expect(error?.source == .path(path))
        #expect(try Self.locked() - before == small.byteCount)
        small.unlock()
        try setLimit(__RLIMIT_MEMLOCK, to: 0)
        let none = await mapErrorOfTask { _ = try await maps.lockInMemory(path, ranges: [0..<1]) }
        #expect(none?.code == .lockedMemoryExhausted && none?.errno == .notPermitted)
        #expect(try Self.locked() == before && maps.statistics.lockedBytes == 0)
        #expect(maps.statistics.cursors == 0 && maps.statistics.pinned == 0)
        maps.shutdown()
        #expect(scratch.descriptors == 0 && scratch.maps == 0)
        #expect(maps.statistics.usage.maps == 0 && maps.statistics.usage.addresses == 0)
      }
    }

    @Test func `A limit is found before anything is read`() async {
      await #expect(processExitsWith: .success) {
        let scratch = try Scratch()
        let path = try scratch.write("file", content(Self.size))
        let faults = SyscallFaults()
        let maps = SlidingWindowMapManager(backend: MMapProvider(faults: faults))
        try #require(unsafe chmod(scratch.path.string, 0o755) == 0)
        try #require(unsafe chmod(path.string, 0o644) == 0)
        try setLimit(__RLIMIT_MEMLOCK, to: 64 << 10)
        if geteuid() == 0 { try #require(seteuid(65_534) == 0) }
        defer { _ = seteuid(getuid()) }
        let error = await mapErrorOfTask { _ = try await maps.lockInMemory(path) }
        #expect(error?.code == .lockedMemoryExhausted && faults.calls(of: .warm) == 0)
      }
    }

    @Test func `A file that is cut short meanwhile`() async {
      await #expect(processExitsWith: .success) {
        let scratch = try Scratch()
        let path = try scratch.write("file", content(Self.size))
        let faults = SyscallFaults()
        let maps = SlidingWindowMapManager(backend: MMapProvider(faults: faults))
        let before = try Self.locked()
        faults.before(.warm) { _ = try? scratch.resize("file", to: 10_000) }
        let error = await mapErrorOfTask { _ = try await maps.lockInMemory(path) }
        #expect(error?.code == .fileTruncated && error?.source == .path(path))
        #expect(try Self.locked() == before && scratch.maps == 0)
        // Once more, when all was read: what isn't there can't be locked.
        try scratch.resize("file", to: 1 << 20)
        faults.before(.stat) {}
        let lock = try await maps.lockInMemory(path)
        try scratch.resize("file", to: 10_000)
        lock.unlock()
        #expect(try Self.locked() == before)
      }
    }

    @Test(arguments: BackendKind.allCases)
    func `Nothing of a file that is empty or not there`(_ kind: BackendKind) async throws {
      let scratch = try Scratch()
      let maps = SlidingWindowMapManager(backend: try kind.make())
      let lock = try await maps.lockInMemory(try scratch.write("empty", []))
      #expect(lock.byteCount == 0)
      let error = await mapErrorOfTask { _ = try await maps.lockInMemory(scratch["missing"]) }
      #expect(error?.code == .openFailed)
    }

    @Test func `Budgets bound it`() async throws {
      let scratch = try Scratch()
      let path = try scratch.write("file", content(Self.size))
      let copies = SlidingWindowMapManager(
        backend: .pread, budget: .fixed(bytes: 512 << 10), windowSize: 64 << 10)
      let error = await mapErrorOfTask { _ = try await copies.lockInMemory(path) }
      #expect(error?.code == .budgetExhausted && copies.statistics.pinned == 0)
      let few = SlidingWindowMapManager(
        backend: .mmap, budget: .fixed(maps: 3), windowSize: 64 << 10)
      // Which gives its map up.
      do { _ = try few.cursor(for: path) }
      let lock = try await few.lockInMemory(path)
      #expect(few.statistics.usage.maps == 3)
      let full = await mapErrorOfTask { _ = try await few.lockInMemory(path) }
      #expect(full?.code == .addressSpaceExhausted && full?.source == .path(path))
      lock.unlock()
      #expect(few.statistics.usage.maps == 0 && few.statistics.usage.addresses == 0)
    }

    @Test func `A cancelled task keeps nothing`() async {
      await #expect(processExitsWith: .success) {
        let scratch = try Scratch()
        let path = try scratch.write("file", content(Self.size))
        let before = try Self.locked()
        let backend = HeldReads()
        let maps = SlidingWindowMapManager(backend: backend, windowSize: 64 << 10)
        let task = Task { try await maps.lockInMemory(path) }
        await backend.firstRead()
        task.cancel()
        #expect(await mapErrorOfTask { _ = try await task.value }?.code == .cancelled)
        backend.gate.open()
        maps.shutdown()
        #expect(try Self.locked() == before)
        #expect(maps.statistics.cursors == 0 && maps.statistics.pinned == 0)
      }
    }
  }
#endif
