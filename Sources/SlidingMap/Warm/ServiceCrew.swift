import MapProtocols

/// Threads that do the work of one call, and end with it; a task waits for them.
///
/// A task that is cancelled does not wait for a read that is under way: the last thread then sees to the others' ends, and `shutdown` of
/// the manager waits for all.
final class ServiceCrew: @unchecked Sendable {
  private let monitor = Monitor(isScheduled: false)
  private let crews: ServiceCrews

  // Guarded by the monitor.
  private var threads: [ServiceThread] = []
  private var running = 0
  private var isOver = false
  private var isAbandoned = false
  /// Whether `waitUntilOver` sees to the threads' ends.
  private var isAwaited = false
  private var waiter: CheckedContinuation<Void, Never>?
  private var reason: MapError.Code?

  /// A crew of one of those that work for a manager.
  init(of crews: ServiceCrews) { self.crews = crews }

  /// Why the work is to end, if it is.
  var stopped: MapError.Code? {
    monitor.lock()
    defer { monitor.unlock() }
    return reason
  }

  /// Calls `body` on up to `count` threads at a time, on the calling one where there can be none, and then `end` on the last.
  ///
  /// - Returns: when all have ended, or at once when the task is cancelled.
  func run(
    threads count: Int, _ body: @escaping @Sendable () -> Void, end: @escaping @Sendable () -> Void
  ) async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        if !begin(count, body, end, continuation) {
          body()
          end()
          noteOver()?.resume()
          continuation.resume()
        }
      }
    } onCancel: {
      stop(.cancelled)
    }
    leave()
  }

  /// Starts threads; false if there is none.
  private func begin(
    _ count: Int, _ body: @escaping @Sendable () -> Void, _ end: @escaping @Sendable () -> Void,
    _ continuation: CheckedContinuation<Void, Never>
  ) -> Bool {
    monitor.lock()
    defer { monitor.unlock() }
    #if Schedule
      // Others have no turns.
      let count = Schedule.current == nil ? count : 0
    #endif
    // They wait for the lock before they end.
    while running < count, let thread = try? ServiceThread({ [self] in work(body, end) }) {
      threads.append(thread)
      running += 1
    }
    // Who was cancelled before any work was done waits all the same: it ends at once.
    if running > 0 { waiter = continuation }
    return running > 0
  }

  private func work(_ body: () -> Void, _ end: () -> Void) {
    body()
    monitor.lock()
    running -= 1
    let isLast = running == 0
    monitor.unlock()
    if !isLast { return }
    end()
    noteOver()?.resume()
  }

  /// Notes that all work is done; who waits for it, to be resumed.
  private func noteOver() -> CheckedContinuation<Void, Never>? {
    monitor.lock()
    isOver = true
    let waiter = waiter
    self.waiter = nil
    let left = isAbandoned && !isAwaited ? takeThreads() : []
    monitor.broadcast()
    monitor.unlock()
    crews.leave(self)
    for thread in left { thread.join() }
    return waiter
  }

  /// Called with the lock.
  private func takeThreads() -> [ServiceThread] {
    defer { threads = [] }
    return threads
  }

  /// Asks for the end of the work. The first reason counts. A task that is cancelled goes on at once.
  func stop(_ reason: MapError.Code) {
    monitor.lock()
    self.reason = self.reason ?? reason
    let waiter = reason == .cancelled ? waiter : nil
    if reason == .cancelled { self.waiter = nil }
    monitor.unlock()
    waiter?.resume()
  }

  /// Waits for threads that are at their ends; leaves those to themselves that are not.
  private func leave() {
    monitor.lock()
    isAbandoned = !isOver
    let left = isOver ? takeThreads() : []
    monitor.unlock()
    for thread in left { thread.join() }
  }

  /// Waits until the work and its threads have ended, but not on one of them.
  func waitUntilOver() {
    monitor.lock()
    let isWorker = threads.contains(where: \.isCurrent)
    if !isWorker { isAwaited = true }
    while !isOver && !isWorker { monitor.wait() }
    let left = isWorker ? [] : takeThreads()
    monitor.unlock()
    for thread in left { thread.join() }
  }
}

/// The crews at work for a manager.
final class ServiceCrews: Sendable {
  private struct State {
    var crews: [ObjectIdentifier: ServiceCrew] = [:]
    var isEnded = false
  }
  private let state = Guarded(State(), isScheduled: false)

  /// Enters a crew that is about to work; false after `shutdown`.
  func enter(_ crew: ServiceCrew) -> Bool {
    state.withLock { state in
      if state.isEnded { return false }
      state.crews[ObjectIdentifier(crew)] = crew
      return true
    }
  }

  /// Notes that a crew is done.
  func leave(_ crew: ServiceCrew) {
    state.withLock { $0.crews[ObjectIdentifier(crew)] = nil }
  }

  /// Asks for the end of all work, and waits for it. Idempotent.
  func shutdown() {
    let crews = state.withLock { state in
      state.isEnded = true
      return Array(state.crews.values)
    }
    for crew in crews { crew.stop(.shutdown) }
    for crew in crews { crew.waitUntilOver() }
  }
}
