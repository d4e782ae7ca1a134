internal import CMapShims
internal import DequeModule
internal import MapProtocols
internal import SystemPackage

/// Threads with a table of descriptors of their own, in which files are opened and read when the process has no descriptor left and there
/// is no ring to open them: close_range(2) with CLOSE_RANGE_UNSHARE, Linux 5.9.
///
/// RLIMIT_NOFILE bounds each table by itself. The first thread starts when it is first needed and leaves the process's table; the others
/// are started by one of them, and so share its table. One is idle as long as there are fewer than may be, so that a slow disk holds up
/// only those who read from it. What is open is closed with the last thread.
@safe
final class DescriptorThreads: @unchecked Sendable {
  private final class Call {
    let body: () -> Void
    var isDone = false
    init(_ body: @escaping () -> Void) { self.body = body }
  }

  private static let mostThreads = 4

  private let syscalls: Syscalls
  private let forkGeneration = smap_fork_generation()
  private let monitor = Monitor(isScheduled: false)

  // Under the monitor.
  private var queue = Deque<Call>()
  private var threads: [ServiceThread] = []
  private var idle = 0
  private var isStarting = false
  private var isReady = false
  /// Why the kernel or a sandbox lets no thread have a table of its own.
  private var refusal: Errno?
  private var isEnded = false

  init(_ syscalls: Syscalls) { self.syscalls = syscalls }

  /// Calls `body` on one of the threads, and waits.
  ///
  /// - Throws: `.handlesExhausted` where there can be no such thread, `.forked` in a child, `.shutdown`; what `body` throws.
  func run<Value>(_ body: () throws(MapError) -> Value) throws(MapError) -> Value {
    // In a child the threads are not there.
    if smap_fork_generation() != forkGeneration { throw MapError(.forked) }
    var result = Result<Value, MapError>.failure(MapError(.shutdown))
    let failure = withoutActuallyEscaping({
      do throws(MapError) { result = .success(try body()) } catch { result = .failure(error) }
    }) { perform(Call($0)) }
    if let failure { throw failure }
    return try result.get()
  }

  /// Has a call made; why it was not, or nil.
  private func perform(_ call: Call) -> MapError? {
    monitor.lock()
    defer { monitor.unlock() }
    if let failure = start() { return failure }
    queue.append(call)
    monitor.broadcast()
    while !call.isDone { monitor.wait() }
    return nil
  }

  /// Sees to it that there are threads; why there are none, or nil.
  private func start() -> MapError? {
    while isStarting { monitor.wait() }
    if isEnded { return MapError(.shutdown) }
    if isReady { return nil }
    if let refusal { return MapError(.handlesExhausted, errno: refusal) }
    do throws(Errno) {
      isStarting = true
      threads.append(try syscalls.startThread { [self] in begin() })
    } catch {
      isStarting = false
      return MapError(.handlesExhausted, errno: error)
    }
    while isStarting { monitor.wait() }
    return isReady ? nil : MapError(.handlesExhausted, errno: refusal)
  }

  // MARK: On the threads

  private func begin() {
    var failure: Errno?
    do throws(Errno) { try syscalls.leaveDescriptors() } catch { failure = error }
    monitor.lock()
    isStarting = false
    isReady = failure == nil
    refusal = failure
    monitor.broadcast()
    monitor.unlock()
    if failure == nil { work() }
  }

  private func work() {
    monitor.lock()
    defer { monitor.unlock() }
    while true {
      while queue.isEmpty {
        if isEnded { return }
        idle += 1
        monitor.wait()
        idle -= 1
      }
      let call = queue.removeFirst()
      if idle == 0 && threads.count < Self.mostThreads && !isEnded,
        let next = try? syscalls.startThread({ [self] in work() })
      {
        threads.append(next)
      }
      monitor.unlock()
      call.body()
      monitor.lock()
      call.isDone = true
      monitor.broadcast()
    }
  }

  /// Ends the threads after the calls under way, and closes what is open in their table. Idempotent.
  func shutdown() {
    if smap_fork_generation() != forkGeneration { return }
    monitor.lock()
    while isStarting { monitor.wait() }
    isEnded = true
    let ending = threads
    threads = []
    monitor.broadcast()
    monitor.unlock()
    for thread in ending { thread.join() }
  }
}
