import Dispatch
import Synchronization

/// Runs a task on the thread that waits for it, and nowhere else.
///
/// Dispatch's threads can't be had: it opens files of /proc for them every second, and ends the process where it gets no descriptor.
final class WaitingThread: TaskExecutor {
  private let jobs = Mutex<[UnownedJob]>([])
  private let end = Mutex<Result<Void, any Error>?>(nil)
  private let news = DispatchSemaphore(value: 0)

  private init() {}

  /// Runs `body` as a task of its own, and throws what it throws.
  static func run(_ body: @escaping @Sendable () async throws -> Void) throws {
    let thread = WaitingThread()
    Task.detached(executorPreference: thread) {
      do {
        try await body()
        thread.end(.success(()))
      } catch {
        thread.end(.failure(error))
      }
    }
    try thread.runJobs()
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    jobs.withLock { $0.append(job) }
    news.signal()
  }

  private func end(_ result: Result<Void, any Error>) { end.withLock { $0 = result } }

  private func runJobs() throws {
    while true {
      // Each signal stands for a job.
      news.wait()
      let job = jobs.withLock { $0.removeFirst() }
      unsafe job.runSynchronously(on: asUnownedTaskExecutor())
      if let result = end.withLock({ $0 }) { return try result.get() }
    }
  }
}
