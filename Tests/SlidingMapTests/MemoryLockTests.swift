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
        faults.before(.warm) {
          faults.before(.close) { _ = try? scratch.resize("file", to: 10_000) }
        }
        let other = await mapErrorOfTask { _ = try await maps.lockInMemory(path) }
        #expect(other?.code == .fileTruncated && other?.source == .path(path))
        #expect(other?.errno == .noMemory)
        #expect(try Self.locked() == before && scratch.maps == 0)
        // And when it was locked.
        try scratch.resize("file", to: 1 << 20)
        let lock = try await maps.lockInMemory(path)
        try scratch.resize("file", to: 10_000)
        lock.unlock()
        #expect(try Self.locked() == before)
      }
    }

    /// The map is of the file that was found.
    @Test(arguments: [nil, 10_000, 2 * size])
    func `A path that leads elsewhere meanwhile`(_ otherSize: Int?) async {
      await #expect(processExitsWith: .success) { [otherSize] in
        let scratch = try Scratch()
        let path = try scratch.write("file", content(Self.size))
        let faults = SyscallFaults()
        let maps = SlidingWindowMapManager(backend: MMapProvider(faults: faults))
        let before = try Self.locked()
        faults.before(.mmap) {
          if let otherSize {
            try? scratch.replace("file", by: content(otherSize, seed: 2))
          } else {
            try? scratch.remove("file")
          }
        }
        let lock = try await maps.lockInMemory(path)
        #expect(faults.calls(of: .warm) == 0)
        #expect(lock.byteCount == Self.size)
        #expect(try Self.locked() - before == Self.size)
        lock.unlock()
        #expect(try Self.locked() == before && scratch.maps == 0 && scratch.descriptors == 0)
      }
    }

    /// Of the file that the path leads to nothing is known that says why.
    @Test func `A file that is cut short after its path was moved`() async {
      await #expect(processExitsWith: .success) {
        let scratch = try Scratch()
        let path = try scratch.write("file", content(Self.size))
        let faults = SyscallFaults()
        let maps = SlidingWindowMapManager(backend: MMapProvider(faults: faults))
        faults.before(.mmap) {
          try? scratch.move("file", to: "old")
          _ = try? scratch.write("file", content(Self.size))
          _ = try? scratch.resize("old", to: 0)
        }
        let error = await mapErrorOfTask { _ = try await maps.lockInMemory(path) }
        #expect(error?.code == .lockedMemoryExhausted && error?.errno == .noMemory)
        #expect(scratch.maps == 0 && scratch.descriptors == 0)
      }
    }

    /// Pages are what is locked, so they are what is counted.
    @Test(arguments: BackendKind.allCases)
    func `Ranges of one page are one`(_ kind: BackendKind) async {
      await #expect(processExitsWith: .success) { [kind] in
        let scratch = try Scratch()
        let path = try scratch.write("file", content(Self.size))
        let maps = SlidingWindowMapManager(backend: try kind.make(), windowSize: 64 << 10)
        let before = try Self.locked()
        let lock = try await maps.lockInMemory(path, ranges: [0..<10, 20..<30])
        #expect(lock.byteCount == 4096)
        #expect(try Self.locked() - before == 4096)
        lock.unlock()
        let many = (0..<20_000).map { Int64($0) * 50..<Int64($0) * 50 + 1 }
        let all = try await maps.lockInMemory(path, ranges: many)
        #expect(all.byteCount == 999_951 / 4096 * 4096 + 4096)
        #expect(try Self.locked() - before == all.byteCount)
        if !kind.isAnonymous {
          #expect(maps.statistics.usage.maps == 1)
          #expect(maps.statistics.usage.addresses == all.byteCount)
        }
        all.unlock()
        #expect(try Self.locked() == before)
      }
    }

    /// The kernel marks pages first, and MADV_DONTNEED refuses those that are marked.
    @Test func `What could not be locked is not marked either`() async {
      await #expect(processExitsWith: .success) {
        let page = SystemPage.size
        let memory = unsafe mmap(
          nil, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
        try #require(unsafe mprotect(memory + 2 * page, page, PROT_NONE) == 0)
        let addresses = LockedAddresses()
        let before = try Self.locked()
        let first = try unsafe addresses.lock(memory, byteCount: page)
        #expect(throws: Errno.noMemory) {
          _ = try unsafe addresses.lock(memory, byteCount: 3 * page)
        }
        #expect(try Self.locked() - before == page)
        #expect(unsafe madvise(memory + page, page, MADV_DONTNEED) == 0)
        #expect(unsafe madvise(memory, page, MADV_DONTNEED) != 0)
        addresses.unlock(first)
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
      var cursor = try few.cursor(for: path)
      try cursor.use(at: 0, count: 10)
      cursor.release()
      // What would not fit alone has nobody give anything up.
      let apart = (0..<4).map { Int64($0) << 16..<Int64($0) << 16 + 1 }
      let many = await mapErrorOfTask { _ = try await few.lockInMemory(path, ranges: apart) }
      #expect(many?.code == .addressSpaceExhausted && many?.source == .path(path))
      #expect(few.statistics.usage.maps == 1)
      // The file gives its own map up.
      let lock = try await few.lockInMemory(path, ranges: Array(apart.prefix(3)))
      #expect(few.statistics.usage.maps == 3 && few.statistics.usage.addresses == 3 * 4096)
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
