#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// A lock with a condition to wait for: pthread_mutex(3) and pthread_cond(3), which the standard library's `Mutex` has
/// no counterpart for.
@safe
package final class Monitor: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>

  package init() {
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

  package func lock() { unsafe pthread_mutex_lock(mutex) }
  package func unlock() { unsafe pthread_mutex_unlock(mutex) }
  package func tryLock() -> Bool { unsafe pthread_mutex_trylock(mutex) == 0 }

  /// Gives the lock up until someone calls `broadcast`, then takes it again. May wake for nothing.
  package func wait() { unsafe pthread_cond_wait(condition, mutex) }
  package func broadcast() { unsafe pthread_cond_broadcast(condition) }
}
