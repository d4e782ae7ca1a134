internal import Dispatch
internal import MapProtocols
internal import SystemPackage

/// Runs tasks on a thread of its own: those of the pool may be busy with other tests for minutes.
final class ThreadExecutor: TaskExecutor, @unchecked Sendable {
  private let monitor = Monitor(isScheduled: false)
  // Guarded by the monitor.
  private var jobs: [UnownedJob] = []
  private var isEnding = false
  private var thread: ServiceThread?

  /// Starts the thread.
  init() throws(Errno) {
    thread = try ServiceThread { [self] in
      while let job = next() { unsafe job.runSynchronously(on: asUnownedTaskExecutor()) }
    }
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    monitor.lock()
    jobs.append(job)
    monitor.broadcast()
    monitor.unlock()
  }

  private func next() -> UnownedJob? {
    monitor.lock()
    defer { monitor.unlock() }
    while jobs.isEmpty {
      if isEnding { return nil }
      monitor.wait()
    }
    return jobs.removeFirst()
  }

  /// Waits, on the calling thread, for a task that runs on another.
  static func run<Result: Sendable>(
    _ body: @escaping @Sendable () async throws(MapError) -> Result
  ) throws(MapError) -> Result {
    let executor: ThreadExecutor
    do { executor = try ThreadExecutor() } catch {
      throw MapError(.custom("no thread for a task"), errno: error)
    }
    defer { executor.end() }
    let outcome = Guarded<Swift.Result<Result, MapError>?>(nil, isScheduled: false)
    let end = DispatchSemaphore(value: 0)
    Task(executorPreference: executor) {
      let result: Swift.Result<Result, MapError>
      do throws(MapError) { result = .success(try await body()) } catch { result = .failure(error) }
      outcome.withLock { $0 = result }
      end.signal()
    }
    end.wait()
    return try outcome.withLock { $0! }.get()
  }

  /// Ends the thread once no job is left, and waits for that.
  func end() {
    monitor.lock()
    isEnding = true
    monitor.broadcast()
    monitor.unlock()
    thread?.join()
    thread = nil
  }
}
