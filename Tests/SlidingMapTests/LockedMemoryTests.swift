import Foundation
import MapProtocols
import MapTestSupport
import MapTesting
import SlidingMap
import SystemPackage
import Testing

#if os(Linux)
  /// Programs that lock their memory, mlockall(2), in processes of their own: windows are not filled before they are read, and their
  /// memory comes back.
  @Suite(
    .serialized, .enabled(if: ProcessResources.isAvailable, "needs /proc"),
    .disabled(if: ProcessResources.isSanitized, "a sanitizer's memory is not the program's"))
  struct LockedMemoryTests {
    /// Flags of mlockall(2) for maps to come: locked and filled when they are made, or when they are touched.
    @Test(arguments: [MCL_FUTURE, MCL_FUTURE | onFault], [BackendKind.pread, .uring])
    func `Maps to come are locked`(flags: CInt, kind: BackendKind) async {
      await #expect(processExitsWith: .success) { [flags, kind] in
        let bench = try SparseBench(kind)
        guard try lockAll(flags) else { return }
        let before = try ProcessResources()
        let maps = SlidingWindowMapManager(
          backend: try kind.make(), budget: .fixed(bytes: 4 << 20), windowSize: 64 << 10)
        try bench.read(through: maps, times: 1000)
        let full = try ProcessResources()
        #expect(full.anonymousBytes - before.anonymousBytes < 64 << 20)
        #expect(full.lockedBytes - before.lockedBytes < 64 << 20)
        let held = maps.statistics.usage.bytes
        #expect(held > 2 << 20 && maps.collect() > 0)
        let after = try ProcessResources()
        #expect(full.anonymousBytes - after.anonymousBytes > held / 2)
        try bench.read(through: maps, times: 100)
        maps.shutdown()
      }
    }

    @Test(arguments: [MCL_CURRENT, MCL_CURRENT | onFault])
    func `Maps there are were locked`(flags: CInt) async {
      await #expect(processExitsWith: .success) { [flags] in
        let bench = try SparseBench(.pread, size: 32 << 20)
        let maps = SlidingWindowMapManager(
          backend: try BackendKind.pread.make(), budget: .fixed(bytes: 16 << 20),
          windowSize: 1 << 20)
        try bench.read(through: maps, times: 100)
        guard try lockAll(flags) else { return }
        try bench.read(through: maps, times: 100)
        let full = try ProcessResources()
        let held = maps.statistics.usage.bytes
        #expect(held > 8 << 20 && maps.collect() > 0)
        let after = try ProcessResources()
        #expect(full.anonymousBytes - after.anonymousBytes > held / 2)
        try bench.read(through: maps, times: 100)
        maps.shutdown()
      }
    }

    @Test(arguments: [MCL_FUTURE, MCL_FUTURE | onFault])
    func `Memory of one's own is neither locked nor filled`(flags: CInt) async {
      await #expect(processExitsWith: .success) { [flags] in
        guard try lockAll(flags) else { return }
        let before = try ProcessResources()
        let memory = try AnonymousMemory(byteCount: 256 << 20)
        unsafe memory.base.storeBytes(of: 1, as: UInt8.self)
        let full = try ProcessResources()
        #expect(full.anonymousBytes - before.anonymousBytes < 64 << 20)
        #expect(full.lockedBytes - before.lockedBytes < 64 << 20)
        guard try lockAll(MCL_CURRENT) else { return }
        let locked = try ProcessResources()
        #expect(locked.anonymousBytes - before.anonymousBytes > 200 << 20)
        memory.drop()
        #expect(try ProcessResources().anonymousBytes - before.anonymousBytes < 64 << 20)
      }
    }

    /// Who is not root may lock so much and no more, and mmap(2) then has no more to give.
    @Test func `More addresses than may be locked`() async {
      await #expect(processExitsWith: .success) {
        let bench = try SparseBench(.pread, size: 4 << 30)
        if geteuid() == 0 {
          try setLimit(__RLIMIT_MEMLOCK, to: 64 << 20)
          // As root no longer.
          guard seteuid(65_534) == 0 else { return }
        }
        defer { _ = seteuid(getuid()) }
        guard mlockall(MCL_FUTURE | onFault) == 0 else { return }
        let maps = SlidingWindowMapManager(
          backend: bench.provider, budget: .fixed(bytes: 4 << 20), windowSize: 1 << 20)
        try bench.read(through: maps, times: 100)
        maps.shutdown()
      }
    }
  }

  /// MCL_ONFAULT, newer than some headers.
  private let onFault: CInt = 4

  /// Locks this process's memory; false where that is not allowed, and then there is nothing to test.
  private func lockAll(_ flags: CInt) throws -> Bool {
    if mlockall(flags) == 0 { return true }
    try #require(errno == ENOMEM || errno == EPERM || errno == EINVAL)
    return false
  }
#endif
