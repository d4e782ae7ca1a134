import CMapShims
import MapProtocols

/// Threads that do the work of one call, and end with it; a task waits for them.
///
/// A task that is cancelled does not wait for a read that is under way. Its crew stays among those of the manager until somebody else
/// has seen to its threads' ends: who begins the next call, or `shutdown` of the manager, which waits for all.
final class ServiceCrew: @unchecked Sendable {
  private let monitor = Monitor(isScheduled: false)
  private let forkGeneration = smap_fork_generation()

  // Guarded by the monitor.
  private var threads: [ServiceThread] = []
  /// The ordinals of the threads, and of a caller that does the work itself as long as it does. No other thread ever has them; those of a
  /// schedule may be two threads'.
  private var workers: Set<UInt32> = []
  private var running = 0
  /// Whether all work is done; then whether somebody waits for the threads' ends, and whether they have ended.
  private var isOver = false
  private var isJoining = false
  private var isGone = false
  private var waiter: CheckedContinuation<Void, Never>?
  private var reason: MapError.Code?

  deinit {
    // In a child of fork(2) there are no threads to wait for.
    if smap_fork_generation() != forkGeneration { return }
    // Each of them kept the crew until it was at its end; the last may be this one.
    for thread in threads { thread.join() }
  }

  /// Why the work is to end, if it is.
  var stopped: MapError.Code? {
    monitor.lock()
    defer { monitor.unlock() }
    return reason
  }

  /// Whether the calling thread does work of this crew, or has done it and is about to end, so that the crew can't go before it goes on.
  var isOnWorker: Bool {
    monitor.lock()
    defer { monitor.unlock() }
    return workers.contains(smap_thread_ordinal())
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
          work(body, end)
          endOwnWork()
          continuation.resume()
        }
      }
    } onCancel: {
      stop(.cancelled)
    }
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
    // They wait for the lock before they begin.
    while running < count, let thread = try? ServiceThread({ [self] in work(body, end) }) {
      threads.append(thread)
      running += 1
    }
    // Who was cancelled before any work was done waits all the same: it ends at once.
    if running > 0 { waiter = continuation } else { running = 1 }
    return waiter != nil
  }

  /// What one thread does. The last one ends the work.
  private func work(_ body: () -> Void, _ end: () -> Void) {
    monitor.lock()
    workers.insert(smap_thread_ordinal())
    monitor.unlock()
    body()
    monitor.lock()
    running -= 1
    let isLast = running == 0
    monitor.unlock()
    if !isLast { return }
    end()
    monitor.lock()
    isOver = true
    let waiter = waiter
    self.waiter = nil
    monitor.broadcast()
    monitor.unlock()
    waiter?.resume()
  }

  private func endOwnWork() {
    monitor.lock()
    workers.remove(smap_thread_ordinal())
    monitor.unlock()
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

  /// Waits for the threads' ends once their work is done, not on one of them; several may.
  ///
  /// - Parameter awaitsWork: whether to wait for the work, too.
  /// - Returns: whether the threads are gone. If not, their work is not done.
  @discardableResult
  func join(awaitsWork: Bool) -> Bool {
    monitor.lock()
    while awaitsWork && !isOver { monitor.wait() }
    while isJoining && !isGone { monitor.wait() }
    if !isOver || isGone {
      defer { monitor.unlock() }
      return isGone
    }
    isJoining = true
    let left = threads
    threads = []
    monitor.unlock()
    for thread in left { thread.join() }
    monitor.lock()
    isGone = true
    monitor.broadcast()
    monitor.unlock()
    return true
  }
}

/// The crews of a manager of which threads may be there.
final class ServiceCrews: Sendable {
  private struct State {
    var crews: [ObjectIdentifier: ServiceCrew] = [:]
    var isEnded = false
  }
  private let state = Guarded(State(), isScheduled: false)

  /// Enters a crew that is about to work; false after `shutdown`. Sees to the ends of those that were left to themselves, and are over.
  func enter(_ crew: ServiceCrew) -> Bool {
    let crews = state.withLock { state -> [ServiceCrew]? in
      if state.isEnded { return nil }
      defer { state.crews[ObjectIdentifier(crew)] = crew }
      return Array(state.crews.values)
    }
    guard let crews else { return false }
    for crew in crews { leave(crew) }
    return true
  }

  /// Waits for the threads of a crew, and strikes it off, if its work is done.
  func leave(_ crew: ServiceCrew) {
    if crew.join(awaitsWork: false) { strike(crew) }
  }

  private func strike(_ crew: ServiceCrew) {
    state.withLock { $0.crews[ObjectIdentifier(crew)] = nil }
  }

  /// Asks for the end of all work, and waits for it, but not on a thread of any crew: two of them might wait for each other. Idempotent;
  /// each of several calls at a time returns when all have ended.
  func shutdown() {
    let crews = state.withLock { state in
      state.isEnded = true
      return Array(state.crews.values)
    }
    for crew in crews { crew.stop(.shutdown) }
    if crews.contains(where: \.isOnWorker) { return }
    for crew in crews {
      crew.join(awaitsWork: true)
      strike(crew)
    }
  }
}
