#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

internal import Synchronization

/// A lock with a condition to wait for: pthread_mutex(3) and pthread_cond(3), which the standard library's `Mutex` has
/// no counterpart for.
@safe
package final class Monitor: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  // Relaxed: a hint, on which nothing depends but who goes first.
  private let waiters = Atomic(0)

  /// How often a call that can wait lets others go first: some milliseconds on an idle processor.
  private static let mostTurns = 10_000

  #if Schedule
    // On the threads of a schedule these stand for the mutex and the condition. Whoever has the turn has them to himself.
    private var holder: Int?
    private var broadcasts = 0
    /// Finds out whether what the lock guards is sound. Called whenever it is given up.
    package var check: (() -> String?)?
    private let isScheduled: Bool
  #endif

  /// Makes a lock.
  ///
  /// - Parameter isScheduled: whether a schedule that the calling thread is part of decides who gets it; not for one that the whole
  ///   process shares.
  package init(isScheduled: Bool = true) {
    #if Schedule
      self.isScheduled = isScheduled
    #endif
    unsafe mutex = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe pthread_mutex_init(mutex, nil)
    unsafe condition = .allocate(capacity: 1)
    unsafe condition.initialize(to: pthread_cond_t())
    unsafe pthread_cond_init(condition, nil)
  }

  deinit {
    unsafe pthread_cond_destroy(condition)
    unsafe pthread_mutex_destroy(mutex)
    unsafe condition.deallocate()
    unsafe mutex.deallocate()
  }

  package func lock() {
    #if Schedule
      if isScheduled, let turns = Schedule.current { return lock(turns) }
    #endif
    if unsafe pthread_mutex_trylock(mutex) == 0 { return }
    waiters.add(1, ordering: .relaxed)
    unsafe pthread_mutex_lock(mutex)
    waiters.subtract(1, ordering: .relaxed)
  }

  /// Takes the lock for a call that can wait: whoever waits for it now has it first.
  ///
  /// A mutex goes to who asks at the right moment; a thread that takes it again at once leaves those it wakes no chance, for seconds.
  package func lockInTurn() {
    #if Schedule
      if isScheduled, let turns = Schedule.current { return lock(turns) }
    #endif
    // Not for ever: new ones may come all the time.
    var turns = 0
    while isWanted && turns < Self.mostTurns {
      sched_yield()
      turns += 1
    }
    lock()
  }

  /// Whether a thread waits for the lock.
  package var isWanted: Bool { waiters.load(ordering: .relaxed) > 0 }

  package func unlock() {
    #if Schedule
      if isScheduled, let turns = Schedule.current { return unlock(turns) }
    #endif
    unsafe pthread_mutex_unlock(mutex)
  }

  package func tryLock() -> Bool {
    #if Schedule
      if isScheduled, let turns = Schedule.current { return tryLock(turns) }
    #endif
    return unsafe pthread_mutex_trylock(mutex) == 0
  }

  /// Gives the lock up until someone calls `broadcast`, then takes it again. May wake for nothing.
  package func wait() {
    #if Schedule
      if isScheduled, let turns = Schedule.current { return wait(turns) }
    #endif
    unsafe pthread_cond_wait(condition, mutex)
  }

  package func broadcast() {
    #if Schedule
      if isScheduled, let turns = Schedule.current { return broadcast(turns) }
    #endif
    unsafe pthread_cond_broadcast(condition)
  }
}

#if Schedule
  extension Monitor {
    private func lock(_ turns: any TurnKeeper) {
      turns.pass("lock")
      if holder == turns.thread { turns.fail("locks what it holds") }
      if holder != nil { turns.wait("lock") { [unowned self] in holder == nil } }
      take(turns)
    }

    private func tryLock(_ turns: any TurnKeeper) -> Bool {
      turns.pass("tryLock")
      if holder != nil { return false }
      take(turns)
      return true
    }

    private func unlock(_ turns: any TurnKeeper) {
      giveUp(turns)
      turns.pass("unlock")
    }

    private func wait(_ turns: any TurnKeeper) {
      let before = broadcasts
      giveUp(turns)
      turns.wait("wait") { [unowned self] in broadcasts != before && holder == nil }
      take(turns)
    }

    private func broadcast(_ turns: any TurnKeeper) {
      broadcasts += 1
      turns.pass("broadcast")
    }

    private func take(_ turns: any TurnKeeper) {
      holder = turns.thread
      turns.noteLock(true)
    }

    private func giveUp(_ turns: any TurnKeeper) {
      if holder != turns.thread { turns.fail("gives up a lock that it does not hold") }
      if let fault = check?() { turns.fail(fault) }
      holder = nil
      turns.noteLock(false)
    }
  }
#endif
