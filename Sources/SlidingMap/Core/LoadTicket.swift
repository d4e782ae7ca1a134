import MapProtocols

/// A load that somebody waits for: threads by the core's monitor, tasks by a continuation. Guarded by the core's lock.
final class LoadTicket: @unchecked Sendable {
  private(set) var isDone = false
  private(set) var error: MapError?
  private var waiters: [Waiter] = []

  /// A task that waits.
  final class Waiter: @unchecked Sendable {
    fileprivate var continuation: CheckedContinuation<Void, Never>?
    fileprivate var isCancelled = false

    /// Ends the wait before the load does; the continuation, if there is one yet, is the caller's to resume.
    func cancel() -> CheckedContinuation<Void, Never>? {
      isCancelled = true
      defer { continuation = nil }
      return continuation
    }
  }

  /// Enters a task's wait. False if there is nothing to wait for.
  func enter(_ waiter: Waiter, _ continuation: CheckedContinuation<Void, Never>) -> Bool {
    if isDone || waiter.isCancelled { return false }
    waiter.continuation = continuation
    waiters.append(waiter)
    return true
  }

  /// Ends the load.
  ///
  /// - Returns: the tasks to be resumed, outside the lock: an executor may run them at once.
  func end(_ error: MapError? = nil) -> [CheckedContinuation<Void, Never>] {
    isDone = true
    self.error = error
    defer { waiters = [] }
    return waiters.compactMap { $0.cancel() }
  }
}
