import MapProtocols

/// Proof that the calling thread holds a core's lock. The lock is given up when the token's life ends; whenever it is, tasks go on whose
/// waits have ended.
///
/// A function that takes it `inout` may give the lock up meanwhile, so nothing that was read before the call is known after it. One
/// that takes it `borrowing` does not, and what is read stays true until the caller's next step.
@safe
struct LockToken: ~Copyable {
  // The core outlives its tokens.
  private unowned(unsafe) let core: MapCore

  /// Waits for the lock.
  init(_ core: MapCore) {
    core.monitor.lock()
    unsafe self.core = core
  }

  /// Takes the lock, unless it is held.
  init?(ifFree core: MapCore) {
    if !core.monitor.tryLock() { return nil }
    unsafe self.core = core
  }

  /// Waits for the lock until those have had it who wait for it now: for calls that can wait, and hold it often or long.
  init(inTurn core: MapCore) {
    core.monitor.lockInTurn()
    unsafe self.core = core
  }

  deinit { unsafe core.giveUpLock() }

  /// Gives the lock up for those who wait for it, if there are any.
  mutating func pause() {
    if unsafe !core.monitor.isWanted { return }
    unsafe core.giveUpLock()
    unsafe core.monitor.lockInTurn()
  }

  /// Calls `body` without the lock: for system calls, and whatever else may take time or call back.
  mutating func unlocked<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    unsafe core.giveUpLock()
    defer { unsafe core.monitor.lock() }
    return try body()
  }

  /// Gives the lock up until somebody calls `wakeAll`. May wake for nothing.
  mutating func wait() {
    if unsafe core.loads.hasEndedWaits {
      // Whoever is resumed may be the one to be waited for.
      unsafe core.giveUpLock()
      unsafe core.monitor.lock()
    } else {
      unsafe core.monitor.wait()
    }
  }
}

extension MapCore {
  /// Gives the lock up, and lets tasks go on: an executor may run them at once.
  func giveUpLock() {
    let tasks = loads.takeEndedWaits()
    monitor.unlock()
    for task in tasks { Turn.resume(task) }
  }

  /// Wakes all who wait, to look whether it is what they wait for.
  func wakeAll() {
    monitor.broadcast()
    loads.endWaitForHandles()
  }
}
