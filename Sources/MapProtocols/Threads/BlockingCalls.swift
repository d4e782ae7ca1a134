internal import CMapShims
internal import SystemPackage

/// Makes calls that may block, for tasks that must not: on a few threads, which start when they are needed.
package final class BlockingCalls: @unchecked Sendable {
  private typealias Call = @Sendable () -> Void

  private let monitor = Monitor(isScheduled: false)
  private let forkGeneration = smap_fork_generation()

  /// One that hangs, as on a server that is gone, holds up no others.
  private static let mostThreads = 4

  // Guarded by the monitor.
  private var queue: [Call] = []
  private var threads: [ServiceThread] = []
  private var idle = 0
  private var isEnded = false
  /// Whether somebody waits for the threads' ends, and whether they have ended.
  private var isJoining = false
  private var isOver = false

  /// Has no thread yet.
  package init() {}

  /// Calls `body` on a thread of its own; on the calling one where there can be none, and after `shutdown`.
  package func run<Value: Sendable>(
    _ body: @escaping @Sendable () throws(MapError) -> Value
  ) async throws(MapError) -> Value {
    // By a lock, because the thread sanitizer does not know that a continuation which is resumed before its task waits comes before what
    // the task does next.
    let outcome = Guarded<Result<Value, MapError>?>(nil, isScheduled: false)
    await withCheckedContinuation { continuation in
      let call: Call = {
        let result: Result<Value, MapError>
        do throws(MapError) { result = .success(try body()) } catch { result = .failure(error) }
        outcome.withLock { $0 = result }
        continuation.resume()
      }
      if !enqueue(call) { call() }
    }
    guard let result = outcome.withLock({ $0 }) else { fatalError("a call ended without a result") }
    return try result.get()
  }

  private func enqueue(_ call: @escaping Call) -> Bool {
    // In a child of fork(2) the threads are not there, and the lock may be held for ever.
    if smap_fork_generation() != forkGeneration { return false }
    monitor.lock()
    defer { monitor.unlock() }
    if isEnded { return false }
    if idle <= queue.count && threads.count < Self.mostThreads {
      if let thread = try? ServiceThread({ [self] in work() }) { threads.append(thread) }
      if threads.isEmpty { return false }
    }
    queue.append(call)
    monitor.broadcast()
    return true
  }

  private func work() {
    while let call = next() { call() }
  }

  private func next() -> Call? {
    monitor.lock()
    defer { monitor.unlock() }
    idle += 1
    defer { idle -= 1 }
    while queue.isEmpty {
      if isEnded { return nil }
      monitor.wait()
    }
    return queue.removeFirst()
  }

  /// Ends the threads after the calls that were asked for, and waits for them, but not for the calling one. Idempotent; each of several
  /// calls at a time returns when all have ended.
  package func shutdown() {
    if smap_fork_generation() != forkGeneration { return }
    monitor.lock()
    isEnded = true
    monitor.broadcast()
    let isFirst = !isJoining
    isJoining = true
    // Called from one of them it waits for nobody who may wait for that one.
    while !isFirst && !isOver && !threads.contains(where: \.isCurrent) { monitor.wait() }
    monitor.unlock()
    if !isFirst { return }
    // Nobody adds to them any more.
    for thread in threads { thread.join() }
    monitor.lock()
    isOver = true
    monitor.broadcast()
    monitor.unlock()
  }
}
