import Dispatch
import Synchronization

/// A task for which a thread waits.
enum WaitedTask {
  /// Runs `body` as a task of its own, and throws what it throws.
  static func run(_ body: @escaping @Sendable () async throws -> Void) throws {
    let end = End()
    Task.detached {
      do {
        try await body()
        end.set(nil)
      } catch {
        end.set(error)
      }
    }
    if let error = end.wait() { throw error }
  }

  private final class End: Sendable {
    private let error = Mutex<(any Error)?>(nil)
    private let isOver = DispatchSemaphore(value: 0)

    func set(_ error: (any Error)?) {
      self.error.withLock { $0 = error }
      isOver.signal()
    }

    func wait() -> (any Error)? {
      isOver.wait()
      return error.withLock { $0 }
    }
  }
}
