internal import CMapShims
internal import SystemPackage

/// Makes calls that may block, for tasks that must not: on one thread, which starts when it is first needed.
package final class BlockingCalls: @unchecked Sendable {
  private typealias Call = @Sendable () -> Void

  private let monitor = Monitor()
  private let forkGeneration = smap_fork_generation()

  // Guarded by the monitor.
  private var queue: [Call] = []
  private var thread: ServiceThread?
  private var isEnded = false

  /// Has no thread yet.
  package init() {}

  /// Calls `body` on the thread, or where there can be none, and after `shutDown`, on the calling one.
  package func run<Value: Sendable>(
    _ body: @escaping @Sendable () throws(MapError) -> Value
  ) async throws(MapError) -> Value {
    let result: Result<Value, MapError> = await withCheckedContinuation { continuation in
      let call: Call = {
        do throws(MapError) {
          continuation.resume(returning: .success(try body()))
        } catch {
          continuation.resume(returning: .failure(error))
        }
      }
      if !enqueue(call) { call() }
    }
    return try result.get()
  }

  private func enqueue(_ call: @escaping Call) -> Bool {
    // In a child of fork(2) the thread is not there, and the lock may be held for ever.
    if smap_fork_generation() != forkGeneration { return false }
    monitor.lock()
    defer { monitor.unlock() }
    if isEnded { return false }
    if thread == nil {
      guard let started = try? ServiceThread({ [self] in work() }) else { return false }
      thread = started
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
    while queue.isEmpty {
      if isEnded { return nil }
      monitor.wait()
    }
    return queue.removeFirst()
  }

  /// Ends the thread after the calls that were asked for, and waits for it, unless it is the calling one. Idempotent.
  package func shutDown() {
    if smap_fork_generation() != forkGeneration { return }
    monitor.lock()
    isEnded = true
    let thread = thread
    self.thread = nil
    monitor.broadcast()
    monitor.unlock()
    thread?.join()
  }
}
