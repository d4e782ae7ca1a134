#if Schedule
  import MapProtocols

  /// A real thread that serves one schedule after the other: making threads would take most of the time.
  final class Worker: @unchecked Sendable {
    private let work = Semaphore()
    // Handed over by the semaphore.
    private var body: (() -> Void)?

    private init() {
      guard (try? ServiceThread { [self] in serve() }) != nil else {
        preconditionFailure("no thread for a schedule")
      }
    }

    private func serve() {
      while true {
        work.wait()
        let body = body.take()
        body?()
      }
    }

    private func start(_ body: @escaping () -> Void) {
      self.body = body
      work.signal()
    }

    /// Not a lock that schedules know: threads of several, and of none, come here.
    private static let lock = Semaphore(1)
    nonisolated(unsafe) private static var idle: [Worker] = []

    /// Runs `body` once on a thread that has nothing to do.
    static func run(_ body: @escaping () -> Void) {
      lock.wait()
      let worker = unsafe idle.popLast()
      lock.signal()
      let runner = worker ?? Worker()
      runner.start {
        body()
        lock.wait()
        unsafe idle.append(runner)
        lock.signal()
      }
    }
  }
#endif
