#if Schedule
  import Policies

  /// Runs tasks on threads of a schedule.
  ///
  /// `Task(executorPreference:)` starts one. Its jobs wait in a queue until a thread that serves it has the turn.
  public final class ScheduledExecutor: TaskExecutor, @unchecked Sendable {
    private unowned let scheduler: Scheduler
    // Only whoever has the turn looks at these.
    private var jobs: [UnownedJob] = []
    private var isEnding = false
    private var threads: [Int] = []

    /// Starts `count` threads that serve it.
    public init(_ scheduler: Scheduler, threads count: Int) {
      self.scheduler = scheduler
      for index in 0..<count {
        threads.append(scheduler.start("tasks-\(index)", runsTasks: true) { [self] in serve() })
      }
    }

    /// Takes a job that a thread is to run.
    public func enqueue(_ job: consuming ExecutorJob) { jobs.append(UnownedJob(job)) }

    private func serve() {
      while true {
        scheduler.wait("idle") { [unowned self] in !jobs.isEmpty || isEnding }
        if jobs.isEmpty { return }
        // Jobs begin in any order.
        let job = jobs.remove(at: scheduler.dice.draw(below: jobs.count))
        unsafe job.runSynchronously(on: asUnownedTaskExecutor())
      }
    }

    /// Waits until all jobs are done and the threads are over.
    public func end() {
      isEnding = true
      scheduler.join(threads)
    }
  }
#endif
