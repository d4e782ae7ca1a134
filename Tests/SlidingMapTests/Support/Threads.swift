import Foundation
import Synchronization

/// Runs `body` on `count` threads of their own at once and waits for all: more of them than there are processors, and
/// free to block, which a pool's may not.
///
/// - Throws: the first error that one of them threw.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
  let ended = DispatchSemaphore(value: 0)
  let outcome = Outcome()
  for index in 0..<count {
    let thread = Thread {
      do { try body(index) } catch { outcome.note(error) }
      ended.signal()
    }
    thread.stackSize = 1 << 20
    thread.start()
  }
  for _ in 0..<count { ended.wait() }
  try outcome.check()
}

private final class Outcome: Sendable {
  private let failure = Locked<(any Error)?>(nil)
  func note(_ error: any Error) { failure.withLock { if $0 == nil { $0 = error } } }
  func check() throws { if let error = failure.withLock({ $0 }) { throw error } }
}

/// Lets threads wait until all of them have come.
final class Gate: Sendable {
  private let arrived = DispatchSemaphore(value: 0)
  private let missing: Atomic<Int>
  private let count: Int

  init(_ count: Int) {
    self.count = count
    missing = Atomic(count)
  }

  func pass() {
    if missing.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 {
      for _ in 0..<count { arrived.signal() }
    }
    arrived.wait()
  }
}

/// A value behind a lock that the thread sanitizer knows; it does not know the standard library's `Mutex`.
final class Locked<Value>: @unchecked Sendable {
  private let lock = NSLock()
  private var value: Value
  init(_ value: Value) { self.value = value }
  func withLock<R>(_ body: (inout Value) -> R) -> R { lock.withLock { body(&value) } }
}

/// Holds loads up until it is opened.
final class Gates: Sendable {
  private let condition = NSCondition()
  private let isOpen = Locked(false)

  func wait() {
    condition.withLock { while !isOpen.withLock({ $0 }) { condition.wait() } }
  }

  func open() {
    condition.withLock {
      isOpen.withLock { $0 = true }
      condition.broadcast()
    }
  }
}
