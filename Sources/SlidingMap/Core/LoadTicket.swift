import MapProtocols

/// A load that somebody waits for: threads by the core's monitor, tasks by a continuation. Guarded by the core's lock.
final class LoadTicket: @unchecked Sendable {
  private(set) var isDone = false
  private(set) var error: MapError?
  /// Whether the load was given up because nobody wanted it any more. Who came for it meanwhile is to start it anew.
  private(set) var wasGivenUp = false
  private var waiters: [Waiter] = []
  private var wishes = 0
  private var submission: Submission?

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
  func end(
    _ error: MapError? = nil, wasGivenUp: Bool = false
  ) -> [CheckedContinuation<Void, Never>] {
    isDone = true
    self.error = error
    self.wasGivenUp = wasGivenUp
    submission?.unended -= 1
    submission = nil
    defer { waiters = [] }
    return waiters.compactMap { $0.cancel() }
  }

  // MARK: Whether somebody wants it

  /// Loads that were submitted together. Each of their tickets keeps it until its load has ended.
  final class Submission {
    let backend: Backend
    private let cancellation: LoadCancellation
    private let tickets: [LoadTicket]
    /// How many of `tickets` have not ended; each counts itself out.
    fileprivate var unended: Int
    private(set) var isCancelled = false

    /// Describes loads, some of which may have ended.
    init(of tickets: [LoadTicket], by backend: Backend, _ cancellation: LoadCancellation) {
      self.backend = backend
      self.cancellation = cancellation
      self.tickets = tickets.filter { !$0.isDone }
      unended = self.tickets.count
      for ticket in self.tickets { ticket.submission = self }
    }

    /// Whether all loads have ended.
    var isOver: Bool { unended == 0 }

    /// Those of loads that have not ended.
    var pending: [LoadTicket] { tickets.filter { !$0.isDone } }

    /// How to ask for the end of the loads, once, if nobody wants one of them or all are to end.
    func cancel(evenIfWanted: Bool = false) -> LoadCancellation? {
      let isWanted = tickets.contains { !$0.isDone && $0.wishes > 0 }
      if isCancelled || isWanted && !evenIfWanted { return nil }
      isCancelled = true
      return cancellation
    }
  }

  /// Notes that a thread or task wants the load.
  func wish() { wishes += 1 }

  /// Takes a wish back.
  func withdraw() { wishes -= 1 }

  /// How to ask for the end of the loads that were submitted with this one, to be called outside the lock; nil as long as somebody
  /// wants one of them.
  func cancelIfUnwanted() -> LoadCancellation? { submission?.cancel() }

  /// Whether its end was asked for.
  var isCancelled: Bool { submission?.isCancelled ?? false }
}
