import Foundation
import MMapBackend
import MapProtocols
import MapTesting
import SlidingMap
import SystemPackage
import Testing
import URingBackend

/// Each fault at each call of a session: it is told, what is asked again is right, and nothing is left. All of them where
/// SLIDING_MAP_EVERY_FAULT is set, which takes minutes; else one in ten.
@Suite(.serialized) struct EveryFaultTests {
  private static let isComplete =
    ProcessInfo.processInfo.environment["SLIDING_MAP_EVERY_FAULT"] != nil

  /// Those of `count` calls that are to fail: other ones for each `kind` of fault.
  private static func calls(of count: Int, _ kind: Int) -> some Sequence<Int> {
    isComplete ? stride(from: 0, to: count, by: 1) : stride(from: kind % 10, to: count, by: 10)
  }

  private static let seed: UInt64 = 0x5EED

  @Test(arguments: BackendKind.allCases)
  func `each call of a backend fails`(_ kind: BackendKind) async throws {
    let calls = try await run(kind, FaultPlan(call: nil, way: 0)).calls
    #expect(calls > 30)
    var cases = 0
    for way in 0..<FaultPlan.ways {
      // Some calls more, since a fault may lead to others.
      for call in Self.calls(of: calls + 10, way) {
        let fault = try await run(kind, FaultPlan(call: call, way: way))
        if fault.failed != nil { cases += 1 }
      }
    }
    #expect(cases > 0)
    if Self.isComplete { print("\(kind): \(cases) calls of a backend failed, one in each session") }
  }

  private func run(_ kind: BackendKind, _ plan: FaultPlan) async throws -> PlannedFault {
    let scratch = try Scratch()
    let fault = PlannedFault(plan)
    var session = try FaultSession(
      fault.wrap(try kind.make()), in: scratch, seed: Self.seed, hasFailed: { fault.failed != nil })
    do {
      try await session.run()
    } catch {
      Issue.record("\(kind), \(plan), \(fault.failed?.description ?? "no fault"): \(error)")
    }
    let left = session.end()
    #expect(left == nil, "\(kind), \(plan), \(fault.failed?.description ?? "no fault")")
    return fault
  }

  // MARK: System calls

  private static let errnos: [Syscall: [Errno]] = [
    .open: [.ioError, .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory],
    .duplicate: [.tooManyOpenFiles], .flags: [.badFileDescriptor], .stat: [.ioError, .noMemory],
    .poll: [.noMemory], .read: [.ioError], .close: [.ioError],
    .mmap: [.noMemory, .tooManyOpenFilesInSystem], .mprotect: [.noMemory], .munmap: [.noMemory],
    .madvise: [.ioError, .noMemory, .invalidArgument], .cachestat: [.noFunction],
    .readCached: [.notSupported], .pageMap: [.permissionDenied], .ringInstall: [.invalidArgument],
    .ringSetup: [.notPermitted], .ringRegister: [.noMemory], .eventDescriptor: [.tooManyOpenFiles],
    .startThread: [.resourceTemporarilyUnavailable],
  ]

  @Test(arguments: BackendKind.allCases)
  func `each system call fails`(_ kind: BackendKind) async throws {
    let faults = SyscallFaults()
    try await run(kind, faults, "no fault") { false }
    var cases = 0
    for (call, errnos) in Self.errnos {
      for (way, errno) in errnos.enumerated() {
        for skipped in Self.calls(of: faults.calls(of: call), way) {
          cases += 1
          let faults = SyscallFaults()
          faults.fail(call, with: errno, skipping: skipped)
          try await run(
            kind, faults, "\(call) \(skipped) fails with \(errno)", exceptMaps: call == .munmap
          ) { faults.calls(of: call) > skipped }
        }
      }
    }
    if Self.isComplete { print("\(kind): \(cases) system calls failed, one in each session") }
  }

  private func run(
    _ kind: BackendKind, _ faults: SyscallFaults, _ plan: String, exceptMaps: Bool = false,
    hasFailed: @escaping () -> Bool
  ) async throws {
    let scratch = try Scratch()
    var session = try FaultSession(
      try kind.make(faults), in: scratch, seed: Self.seed, hasFailed: hasFailed)
    do {
      try await session.run()
    } catch {
      Issue.record("\(kind), \(plan): \(error)")
    }
    let left = session.end(exceptMaps: exceptMaps)
    #expect(left == nil, "\(kind), \(plan)")
  }
}

extension BackendKind {
  /// One whose system calls may fail.
  fileprivate func make(_ faults: SyscallFaults) throws -> any RegionProvider {
    switch self {
    case .mmap: MMapProvider(faults: faults)
    case .automatic:
      MMapProvider(
        takeover: Takeover(
          provider: try URingProvider(opensDirectly: true, faults: faults), reservedWindows: 4),
        bypassLimit: 16 << 10, faults: faults)
    case .uring: try URingProvider(faults: faults)
    case .direct: try URingProvider(opensDirectly: true, faults: faults)
    case .pread: try URingProvider(method: .pread, faults: faults)
    }
  }
}
