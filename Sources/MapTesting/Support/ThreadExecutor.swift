internal import MapProtocols

/// Runs tasks on a thread of its own: those of the pool may be busy with other tests for minutes.
final class ThreadExecutor: TaskExecutor, @unchecked Sendable {
  private let monitor = Monitor(isScheduled: false)
  // Guarded by the monitor.
  private var jobs: [UnownedJob] = []
  private var isEnding = false
  private var thread: ServiceThread?

  /// Starts the thread.
  init() throws {
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
