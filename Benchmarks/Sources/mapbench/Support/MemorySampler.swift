import Glibc
import Synchronization

/// A thread that watches the process's memory and keeps the largest values above those at its start.
final class MemorySampler: Sendable {
  private let start: ProcessMemory
  private let peakFile = Atomic<Int>(0)
  private let peakAnonymous = Atomic<Int>(0)
  private let isDone = Atomic<Bool>(false)
  private let worker: Mutex<Worker?>

  /// Starts watching every `interval` microseconds.
  init(every interval: UInt32 = 5000) {
    start = ProcessMemory.current()
    worker = Mutex(nil)
    let started = Worker { [self] in
      while !isDone.load(ordering: .relaxed) {
        sample()
        usleep(interval)
      }
    }
    worker.withLock { $0 = started }
  }

  /// Looks once, now.
  func sample() {
    let now = ProcessMemory.current()
    peakFile.max(now.file - start.file, ordering: .relaxed)
    peakAnonymous.max(now.anonymous - start.anonymous, ordering: .relaxed)
  }

  /// Stops watching; the growth of file pages and of anonymous memory at their peaks, in bytes.
  func stop() -> (file: Int, anonymous: Int) {
    sample()
    isDone.store(true, ordering: .relaxed)
    worker.withLock { $0.take() }?.join()
    return (peakFile.load(ordering: .relaxed), peakAnonymous.load(ordering: .relaxed))
  }
}
