package import SystemPackage

/// The system calls of the backends, as tests name them.
package enum Syscall: Hashable, Sendable {
  case ringSetup, ringRegister, ringInstall, eventDescriptor, startThread, leaveDescriptors
  case open, duplicate, flags, stat, poll, read, close, mmap, mprotect, munmap, madvise
  case cachestat, mincore, readCached, pageMap, warm, mlock
}

/// Makes chosen system calls of one provider fail, and counts them all, for tests of what the environment does.
///
/// A provider without it pays one comparison with nil per call.
///
/// Under a lock that the thread sanitizer knows, unlike the standard library's `Mutex` on Linux: calls of several threads
/// come by here.
package final class SyscallFaults: @unchecked Sendable {
  private struct Fault {
    var errno: Errno
    var skipping: Int
    var times: Int
  }

  private let monitor = Monitor()
  private var faults: [Syscall: Fault] = [:]
  private var counts: [Syscall: Int] = [:]
  private var work: [Syscall: @Sendable () -> Void] = [:]

  package init() {}

  /// After `skipping` calls more, the next `times` calls of `call` fail with `errno` and don't reach the kernel.
  package func fail(_ call: Syscall, with errno: Errno, skipping: Int = 0, times: Int = 1) {
    monitor.lock()
    defer { monitor.unlock() }
    faults[call] = Fault(errno: errno, skipping: skipping, times: times)
  }

  /// Does something once, just before the next call of `call`: what others do between two calls.
  package func before(_ call: Syscall, do work: @escaping @Sendable () -> Void) {
    monitor.lock()
    defer { monitor.unlock() }
    self.work[call] = work
  }

  /// How often `call` was made so far, failed ones included.
  package func calls(of call: Syscall) -> Int {
    monitor.lock()
    defer { monitor.unlock() }
    return counts[call, default: 0]
  }

  /// Counts a call; its error if it is to fail.
  package func next(_ call: Syscall) -> Errno? {
    monitor.lock()
    if let work = work.removeValue(forKey: call) {
      monitor.unlock()
      work()
      monitor.lock()
    }
    defer { monitor.unlock() }
    counts[call, default: 0] += 1
    guard var fault = faults[call], fault.times > 0 else { return nil }
    defer { faults[call] = fault }
    if fault.skipping > 0 {
      fault.skipping -= 1
      return nil
    }
    fault.times -= 1
    return fault.errno
  }
}
