internal import DequeModule
internal import MapProtocols
internal import SystemPackage

/// The thread that carries out submitted reads, with a ring of its own where there is one.
///
/// The thread is started by the first load and lives as long as the service is not shut down: requests of a ring die with
/// the thread that made them. It keeps the service alive, but not the provider, whose `deinit` ends it.
///
/// What stands under the monitor may be touched by any thread; the rest belongs to the working thread alone, and before
/// that to the one that starts it.
@safe
final class ReadService: @unchecked Sendable {
  private let reader: Reader
  private let depth: Int
  private let monitor = Monitor()

  // MARK: Under the monitor

  private var waiting = Deque<PendingRead>()
  private var thread: ServiceThread?
  private var isClosing = false
  /// The last end was told, or no thread will ever start.
  private var isDone = false
  /// A thread is about to give everything back, and has.
  private var isGivingBack = false
  private var isGone = false
  /// The thread will look at the queue before it sleeps.
  private var isAwake = false
  /// Nil when there is none, or no more.
  private var event: FileDescriptor?

  // MARK: The working thread's

  private var ring: RingReader?
  /// Loads that the ring is not for.
  private var others = Deque<PendingRead>()
  /// Loads from direct descriptors.
  private var direct: [PendingRead] = []
  /// Loads whose end is to be told.
  private var finished = Deque<PendingRead>()

  init(_ reader: Reader, _ submitting: (ring: Ring, event: FileDescriptor)?, depth: Int) {
    self.reader = reader
    self.depth = depth
    event = submitting?.event
    ring = submitting.map { RingReader($0.ring, event: $0.event, depth: depth, reader) }
  }

  // MARK: For any thread

  /// Takes on loads; nil if no thread can be had for them.
  func submit(
    _ requests: [ReadRequest], completion: @escaping @Sendable ([ReadRequest]) -> Void
  ) -> LoadCancellation? {
    monitor.lock()
    defer { monitor.unlock() }
    if isClosing || !hasThread() { return nil }
    let submission = Submission(completion)
    for request in requests { waiting.append(PendingRead(request, of: submission)) }
    wake()
    return submission.cancelled.cancellation
  }

  /// Whether there is a thread, perhaps from now on.
  private func hasThread() -> Bool {
    if thread != nil { return true }
    do throws(Errno) {
      isAwake = true
      thread = try reader.syscalls.startThread { [self] in work() }
      return true
    } catch {
      return false
    }
  }

  private func wake() {
    if isAwake { return }
    isAwake = true
    if let event { reader.syscalls.signal(event) } else { monitor.broadcast() }
  }

  /// Ends loads not begun, waits for those under way, and gives everything back. On the working thread itself, which is in
  /// a completion then, the rest of the work is done here.
  func shutdown(isForked: Bool) {
    if isForked {
      // A lock may be held by a thread that is not here, as the working thread isn't.
      ring?.ring.shut()
      if let event { reader.syscalls.close(event) }
      event = nil
      return
    }
    monitor.lock()
    isClosing = true
    if thread == nil { isDone = true } else { wake() }
    let isWorker = thread?.isCurrent == true
    if isWorker {
      monitor.unlock()
      carryOn()
      monitor.lock()
    }
    while !isDone { monitor.wait() }
    if isGivingBack {
      // Another thread does.
      while !isGone { monitor.wait() }
      monitor.unlock()
      return
    }
    isGivingBack = true
    let thread = thread
    self.thread = nil
    monitor.unlock()
    dropRing()
    monitor.lock()
    isGone = true
    monitor.broadcast()
    monitor.unlock()
    thread?.join()
  }

  private func dropRing() {
    monitor.lock()
    let event = event
    self.event = nil
    monitor.unlock()
    ring?.ring.shut()
    ring = nil
    if let event { reader.syscalls.close(event) }
  }

  // MARK: The working thread

  private func work() {
    do throws(Errno) {
      try ring?.ring.enable()
    } catch {
      giveUpRing()
    }
    carryOn()
  }

  private enum Turn {
    /// There is something to be done here: the ring must not be waited for.
    case busy
    case idle
    case done
  }

  /// Works until the service is shut down and the last end was told. Called once more from within a completion that shuts
  /// the service down: then nothing is left to do for the outer call.
  private func carryOn() {
    while true {
      let turn = takeOn()
      if turn == .done { return }
      // These are told while the kernel is at the reads that come after them.
      let ended = finished.count
      do throws(Errno) {
        try ring?.turn(waits: turn == .idle) { finished.append($0) }
      } catch {
        giveUpRing()
      }
      tell(ended)
      carryOutDirect()
      while let load = others.popFirst() {
        carryOut(load)
        tell(finished.count)
      }
    }
  }

  /// Tells of the first `count` ends, or of all if a completion, which may do anything, had them told meanwhile.
  private func tell(_ count: Int) {
    var left = count
    while left > 0, let first = finished.popFirst() {
      var requests = [first.request]
      left -= 1
      while left > 0, let next = finished.first, next.submission === first.submission {
        requests.append(next.request)
        finished.removeFirst()
        left -= 1
      }
      first.submission.completion(requests)
    }
  }

  /// Takes loads from the queue as far as there is room for them. Sleeps if there is nothing to do, unless the ring does
  /// that, where the event wakes it.
  private func takeOn() -> Turn {
    monitor.lock()
    defer { monitor.unlock() }
    while true {
      if isDone { return .done }
      if isClosing { abandonWaiting() }
      // What has ended made room.
      ring?.cut()
      var taken = 0
      while taken < depth, ring?.hasRoom != false, let load = waiting.popFirst() {
        taken += 1
        place(load)
      }
      let isBusy = !others.isEmpty || !direct.isEmpty || !finished.isEmpty
      if isBusy { return .busy }
      if ring?.isBusy == true {
        // Loads that the ring has no room for yet are looked at again when one of those under way has ended.
        isAwake = !waiting.isEmpty
        return .idle
      }
      if isClosing {
        isDone = true
        monitor.broadcast()
        return .done
      }
      isAwake = false
      if ring != nil { return .idle }
      monitor.wait()
    }
  }

  private func abandonWaiting() {
    while let read = waiting.popFirst() {
      read.request.result = .failure(MapError(.shutdown))
      finished.append(read)
    }
  }

  private func place(_ read: PendingRead) {
    if read.submission.cancelled.isRaised {
      read.request.result = .failure(MapError(.cancelled))
      finished.append(read)
      return
    }
    let target = ReadTarget(read.request.handle)
    if target.isSlot {
      direct.append(read)
    } else if let ring, read.progress != nil {
      ring.take(read)
    } else {
      if !target.isAligned && target.table == .process {
        // Without a ring one is read after the other: at least the disk may work ahead.
        reader.syscalls.willNeed(
          target.number, at: read.request.offset, byteCount: read.request.range.count)
      }
      others.append(read)
    }
  }

  /// Reads from direct descriptors, which only the other ring has.
  private func carryOutDirect() {
    if direct.isEmpty { return }
    let reads = direct
    direct = []
    var batch = reads.map(\.request)
    reader.read(&batch)
    for (read, request) in zip(reads, batch) {
      read.request = request
      finished.append(read)
    }
  }

  /// Reads by pread(2).
  private func carryOut(_ read: PendingRead) {
    var batch = [read.request]
    reader.read(&batch)
    read.request = batch[0]
    finished.append(read)
  }

  /// The kernel refuses the ring, as in a sandbox that was closed later: there is always pread(2), also for what was under
  /// way. A read of the ring's that ends all the same meanwhile writes the same bytes.
  private func giveUpRing() {
    guard let ring else { return }
    dropRing()
    for load in ring.abandon() { others.append(load) }
  }
}
