#if Schedule
  import Policies

  /// A thread that ends what was submitted, in any order.
  public final class VirtualKernel {
    private struct Request {
      let owner: ObjectIdentifier
      let work: () -> Void
    }

    private let scheduler: Scheduler
    private var requests: [Request] = []
    private var current: ObjectIdentifier?
    private var isEnding = false
    private var thread = 0

    /// Starts the thread.
    public init(_ scheduler: Scheduler) {
      self.scheduler = scheduler
      thread = scheduler.start("kernel") { [self] in serve() }
    }

    func add(_ owner: AnyObject, _ work: @escaping () -> Void) {
      requests.append(Request(owner: ObjectIdentifier(owner), work: work))
    }

    /// Waits until nothing of a provider's is under way; from a completion, ends the others itself.
    func finish(for owner: AnyObject) {
      let owner = ObjectIdentifier(owner)
      if scheduler.thread == thread {
        while let index = requests.firstIndex(where: { $0.owner == owner }) {
          requests.remove(at: index).work()
        }
      } else {
        scheduler.wait("shutdown") { [unowned self] in
          current != owner && !requests.contains { $0.owner == owner }
        }
      }
    }

    private func serve() {
      while true {
        scheduler.wait("idle") { [unowned self] in !requests.isEmpty || isEnding }
        if requests.isEmpty { return }
        let request = requests.remove(at: scheduler.dice.draw(below: requests.count))
        current = request.owner
        request.work()
        current = nil
      }
    }

    /// Waits until it has nothing to do.
    public func waitUntilIdle() {
      scheduler.wait("waits until idle") { [unowned self] in requests.isEmpty && current == nil }
    }

    /// Waits until it has nothing to do, and ends the thread.
    public func end() {
      isEnding = true
      scheduler.join([thread])
    }
  }
#endif
