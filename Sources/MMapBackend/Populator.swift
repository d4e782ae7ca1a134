internal import CMapShims
internal import DequeModule
internal import MapProtocols
internal import Synchronization
internal import SystemPackage

/// Brings windows into memory on a thread of its own, so that nobody else waits for a disk.
///
/// The thread starts when it is first needed, sleeps while there is nothing to do, and ends with `shutdown`, which the owner
/// calls at the latest in its `deinit`: the thread keeps this object, but not its owner.
final class Populator: @unchecked Sendable {
  /// One load and who wants to know of its end.
  private struct Job {
    var load: RegionLoad
    /// That of all which were submitted together.
    let cancelled: CancellationFlag
    let completion: @Sendable ([RegionLoad]) -> Void

    /// Tells of the end.
    func complete() { completion([load]) }
  }

  private let syscalls: Syscalls
  private let forkGeneration = smap_fork_generation()
  private let monitor = Monitor()
  /// Written under the lock.
  private let isEnded = Atomic(false)

  // Guarded by the monitor. No completion is called or let go of under it: that may run the deinit of anything.
  private var queue = Deque<Job>()
  /// How many of them, the last ones, the disk was not told of.
  private var newcomers = 0
  private var thread: ServiceThread?
  private var isRunning = false
  /// The thread, by its ordinal, that ends all in `shutdown`, and whether it has.
  private var closer: UInt32?
  private var isClosed = false
  /// How many calls of `submit` are touching memory.
  private var callers = 0

  /// Makes a populator without a thread.
  init(_ syscalls: Syscalls) {
    self.syscalls = syscalls
  }

  /// Whether this process is a child that inherited the object over a fork: the thread isn't here, and the lock may be held
  /// for ever.
  private var isForked: Bool { smap_fork_generation() != forkGeneration }

  /// Populates what is resident, and leaves the rest to the thread; where there can't be one, populates that too.
  func submit(
    _ loads: [RegionLoad], completion: @escaping @Sendable ([RegionLoad]) -> Void
  ) -> LoadCancellation {
    if loads.isEmpty { return .impossible }
    let cancelled = CancellationFlag()
    var loads = loads
    if isForked {
      populate(&loads)
    } else if enter() {
      var ended: [RegionLoad] = []
      var cold: [RegionLoad] = []
      for var load in loads {
        if syscalls.isResident(load) {
          syscalls.populate(&load)
          ended.append(load)
        } else {
          cold.append(load)
        }
      }
      let jobs = cold.map { Job(load: $0, cancelled: cancelled, completion: completion) }
      if !jobs.isEmpty, !enqueue(jobs) {
        populate(&cold)
        ended += cold
      }
      leave()
      loads = ended
    } else {
      for index in loads.indices { loads[index].refuse() }
    }
    if !loads.isEmpty { completion(loads) }
    return cancelled.cancellation
  }

  /// Ends the thread and every load; nothing touches memory of an extent when it returns, and every end was told, whoever
  /// tells it. Idempotent.
  func shutdown() {
    if isForked { return }
    let caller = smap_thread_ordinal()
    monitor.lock()
    isEnded.store(true, ordering: .relaxed)
    monitor.broadcast()
    while callers > 0 { monitor.wait() }
    // A completion that got here is a part of what the thread does, and waits for nobody.
    let isWorker = thread?.isCurrent == true
    if !isWorker {
      while isRunning { monitor.wait() }
    }
    if let closer {
      // Nor does one that is told here.
      if !isWorker && closer != caller {
        while !isClosed { monitor.wait() }
      }
      monitor.unlock()
      return
    }
    closer = caller
    // The thread takes no more, nor is anything added.
    let rest = queue
    queue = []
    newcomers = 0
    let thread = thread
    monitor.unlock()
    thread?.join()
    for var job in rest {
      job.load.refuse()
      job.complete()
    }
    monitor.lock()
    isClosed = true
    monitor.broadcast()
    monitor.unlock()
  }

  // MARK: The callers' threads

  /// Announces that the calling thread will touch memory of extents; false after `shutdown`.
  private func enter() -> Bool {
    monitor.lock()
    defer { monitor.unlock() }
    if isEnded.load(ordering: .relaxed) { return false }
    callers += 1
    return true
  }

  private func leave() {
    monitor.lock()
    defer { monitor.unlock() }
    callers -= 1
    if callers == 0, isEnded.load(ordering: .relaxed) { monitor.broadcast() }
  }

  /// False where there is no thread to do it, for want of resources or because of `shutdown`.
  private func enqueue(_ jobs: [Job]) -> Bool {
    monitor.lock()
    defer {
      monitor.unlock()
      // After it, so that the thread doesn't wake to wait for the lock.
      monitor.broadcast()
    }
    if isEnded.load(ordering: .relaxed) { return false }
    if !isRunning {
      do throws(Errno) {
        try syscalls.willStartThread()
        // It waits for the lock first, so it finds itself in `thread`.
        thread = try ServiceThread { [self] in run() }
        isRunning = true
      } catch {
        return false
      }
    }
    queue.append(contentsOf: jobs)
    newcomers += jobs.count
    return true
  }

  /// Populates on the calling thread, unless `shutdown` was called.
  private func populate(_ loads: inout [RegionLoad]) {
    for load in loads { willNeed(load.region) }
    for index in loads.indices {
      if isEnded.load(ordering: .relaxed) {
        loads[index].refuse()
      } else {
        populate(&loads[index])
      }
    }
  }

  // MARK: The thread

  private func run() {
    while let (newcomers, job) = next() {
      for region in newcomers { willNeed(region) }
      var ended = job
      populate(&ended.load, unless: ended.cancelled)
      ended.complete()
    }
  }

  /// Waits for something to do: a job, and the regions that the disk does not know of yet. Nil at the end.
  private func next() -> (newcomers: [ExtentRange], job: Job)? {
    monitor.lock()
    defer { monitor.unlock() }
    while !isEnded.load(ordering: .relaxed) {
      let regions = queue.suffix(newcomers).map(\.load.region)
      newcomers = 0
      if let job = queue.popFirst() { return (regions, job) }
      monitor.wait()
    }
    isRunning = false
    monitor.broadcast()
    return nil
  }

  // MARK: Both

  /// Begins with the first piece of a region; the others follow while it is populated, so that a huge one neither floods
  /// the disk nor makes small ones wait.
  private func willNeed(_ region: ExtentRange) {
    syscalls.willNeed(region, 0..<Syscalls.piece)
  }

  private func populate(_ load: inout RegionLoad, unless cancelled: CancellationFlag? = nil) {
    let region = load.region
    if cancelled?.isRaised == true {
      load.error = MapError(.cancelled, range: load.range)
      return
    }
    var asked = Syscalls.piece
    if region.byteCount > asked { syscalls.willNeed(region, asked..<2 * asked) }
    asked *= 2
    syscalls.populate(&load) {
      syscalls.willNeed(region, asked..<asked + Syscalls.piece)
      asked += Syscalls.piece
      if isEnded.load(ordering: .relaxed) { return .shutdown }
      return cancelled?.isRaised == true ? .cancelled : nil
    }
  }
}

extension RegionLoad {
  /// Ends the load because the provider has ended.
  fileprivate mutating func refuse() {
    error = MapError(.shutdown, range: range)
  }
}
