import Dispatch
import SlidingMap
import Synchronization

/// Tasks for which the fuzzer's one thread waits.
enum Awaiting {
  typealias Body = @Sendable () async throws(MapError) -> Void

  /// Runs `body` as a task of its own, which keeps nothing of it afterwards.
  static func run(_ body: @escaping Body) throws(MapError) {
    let job = Job(body)
    Task.detached { await job.perform() }
    if let error = job.wait() { throw error }
  }

  private final class Job: Sendable {
    private let body: Mutex<Body?>
    private let error = Mutex<MapError?>(nil)
    private let isOver = DispatchSemaphore(value: 0)

    init(_ body: @escaping Body) { self.body = Mutex(body) }

    func perform() async {
      let error = await outcome()
      self.error.withLock { $0 = error }
      isOver.signal()
    }

    private func outcome() async -> MapError? {
      guard let body = body.withLock({ $0.take() }) else { return nil }
      do throws(MapError) {
        try await body()
        return nil
      } catch {
        return error
      }
    }

    func wait() -> MapError? {
      isOver.wait()
      return error.withLock { $0 }
    }
  }
}
