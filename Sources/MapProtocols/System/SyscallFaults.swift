internal import Synchronization
package import SystemPackage

/// The system calls of the backends, as tests name them.
package enum Syscall: Hashable, Sendable {
  case ringSetup, ringRegister, eventDescriptor, startThread
  case open, duplicate, flags, stat, poll, read, close, mmap, munmap, madvise
}

/// Makes chosen system calls of one provider fail, and counts them all, for tests of what the environment does.
///
/// A provider without it pays one comparison with nil per call.
package final class SyscallFaults: Sendable {
  private struct Fault {
    var errno: Errno
    var skipping: Int
    var times: Int
  }

  private struct State {
    var faults: [Syscall: Fault] = [:]
    var calls: [Syscall: Int] = [:]
  }

  private let state = Mutex(State())

  package init() {}

  /// After `skipping` calls more, the next `times` calls of `call` fail with `errno` and don't reach the kernel.
  package func fail(_ call: Syscall, with errno: Errno, skipping: Int = 0, times: Int = 1) {
    state.withLock { state in
      state.faults[call] = Fault(errno: errno, skipping: skipping, times: times)
    }
  }

  /// How often `call` was made so far, failed ones included.
  package func calls(of call: Syscall) -> Int {
    state.withLock { state in state.calls[call, default: 0] }
  }

  /// Counts a call; its error if it is to fail.
  package func next(_ call: Syscall) -> Errno? {
    state.withLock { state in
      state.calls[call, default: 0] += 1
      guard var fault = state.faults[call], fault.times > 0 else { return nil }
      defer { state.faults[call] = fault }
      if fault.skipping > 0 {
        fault.skipping -= 1
        return nil
      }
      fault.times -= 1
      return fault.errno
    }
  }
}
