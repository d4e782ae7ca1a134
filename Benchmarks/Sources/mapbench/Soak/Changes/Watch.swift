import Glibc
import Synchronization

/// A thread that looks once a second whether a count goes up.
final class Watch: Sendable {
  private let isOver = Atomic(false)
  private let worker = Mutex<Worker?>(nil)

  /// Calls `hang` with the count, on that thread, if it stays as it is for `patience` seconds.
  init(
    patience: Int, _ count: @escaping @Sendable () -> Int,
    orElse hang: @escaping @Sendable (Int) -> Void
  ) {
    let started = Worker { [self] in
      var (shown, idle) = (-1, 0)
      while !isOver.load(ordering: .relaxed) {
        usleep(100_000)
        let now = count()
        idle = now == shown ? idle + 1 : 0
        shown = now
        if idle > patience * 10 { return hang(now) }
      }
    }
    worker.withLock { $0 = started }
  }

  /// Ends it.
  func stop() {
    isOver.store(true, ordering: .relaxed)
    worker.withLock { $0.take() }?.join()
  }
}
