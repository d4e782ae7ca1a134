import MapProtocols

/// Proof that the calling thread holds a core's lock. The lock is given up when the token's life ends.
///
/// A function that takes it `inout` may give the lock up meanwhile, so nothing that was read before the call is known after it. One
/// that takes it `borrowing` does not, and what is read stays true until the caller's next step.
@safe
struct LockToken: ~Copyable {
  // The core outlives its tokens.
  private unowned(unsafe) let monitor: Monitor

  /// Waits for the lock.
  init(_ monitor: Monitor) {
    monitor.lock()
    unsafe self.monitor = monitor
  }

  deinit { unsafe monitor.unlock() }

  /// Calls `body` without the lock: for system calls, and whatever else may take time or call back.
  mutating func unlocked<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    unsafe monitor.unlock()
    defer { unsafe monitor.lock() }
    return try body()
  }

  /// Gives the lock up until somebody calls the monitor's `broadcast`. May wake for nothing.
  mutating func wait() { unsafe monitor.wait() }
}
