import Glibc
import Synchronization

/// A thread of our own: pthread_create(3), to be joined.
final class Worker: Sendable {
  private let thread: pthread_t

  init(_ body: @escaping @Sendable () -> Void) {
    let box = unsafe Unmanaged.passRetained(Box(body)).toOpaque()
    var thread = pthread_t()
    let result = unsafe pthread_create(
      &thread, nil,
      { context in
        if let context = unsafe context {
          unsafe Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body()
        }
        return nil
      }, box)
    precondition(result == 0, "a thread could not be started")
    self.thread = thread
  }

  func join() {
    pthread_join(thread, nil)
  }

  /// Starts a thread that nobody waits for.
  static func detach(_ body: @escaping @Sendable () -> Void) {
    let worker = Worker(body)
    pthread_detach(worker.thread)
  }

  /// Runs `body` on `count` threads that start together; returns when all are done.
  ///
  /// A single one runs on the calling thread.
  static func together(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    if count == 1 { return body(0) }
    let gate = Gate()
    let workers = (0..<count).map { index in
      Worker {
        gate.wait(for: count)
        body(index)
      }
    }
    for worker in workers { worker.join() }
  }

  private final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  private final class Gate: Sendable {
    private let arrived = Atomic<Int>(0)
    func wait(for count: Int) {
      arrived.add(1, ordering: .acquiringAndReleasing)
      while arrived.load(ordering: .acquiring) < count { sched_yield() }
    }
  }
}
