import BenchmarkSupport
import Dispatch
import Glibc
import SlidingMap
import Synchronization
import SystemPackage

/// Uses a manager as hard as it can, and counts what is left.
struct LoadSoak: Sendable {
  private static let fileCount = 16
  private static let windowSize = 4096
  private static let budget = 4 << 20
  /// What is used at a time: windows are crossed.
  private static let useSize = 64

  private let files: [(path: FilePath, byteCount: Int)]
  private let seed: UInt64

  /// Makes the files.
  init(in directory: FilePath, seed: UInt64) throws {
    self.seed = seed
    files = try (0..<Self.fileCount).map { number in
      let byteCount = 4_000_000 + 776 * number
      let path = directory.appending("\(number)")
      try PatternFile.write(path, byteCount: byteCount, seed: UInt64(number))
      return (path, byteCount)
    }
  }

  /// A manager's whole life.
  func run(
    _ backend: BackendName, loads: Int, threads: Int, tasks: Int, idle: Int
  ) throws -> LoadSoakResult {
    var result = LoadSoakResult(backend: backend.rawValue)
    result.tasks = tasks
    result.left = Leftovers()
    result.seconds = try seconds {
      let maps = SlidingWindowMapManager(
        backend: try backend.make(), budget: .fixed(bytes: Self.budget, handles: 64),
        windowSize: Self.windowSize)
      result.wrong += useAtRandom(maps, until: loads, threads)
      let ends = readAhead(maps, tasks)
      result.cancelled = ends.cancelled
      result.wrong += ends.wrong
      result.left.lookAtIdle(maps)
      result.loads = maps.statistics.counts.loads
      let busy = Self.processorTime()
      sleep(UInt32(idle))
      result.idleMilliseconds = (Self.processorTime() - busy) * 1000
      result.left.shutdown(maps)
    }
    result.left.lookAtProcess()
    return result
  }

  /// All threads, until so many windows were loaded.
  ///
  /// - Returns: how many uses failed or showed other bytes than the file's.
  private func useAtRandom(_ maps: MapManager, until loads: Int, _ threads: Int) -> Int {
    let wrong = Atomic(0)
    Worker.together(threads) { number in
      var generator = SeededGenerator(seed: seed, after: number << 32)
      do {
        let cursors = try OwnedPlaces(count: files.count) { try maps.cursor(for: files[$0].path) }
        repeat {
          for _ in 0..<256 {
            let file = generator.below(files.count)
            let isRight = try unsafe use(&cursors.start[file], file, &generator)
            if !isRight { wrong.add(1, ordering: .relaxed) }
            // Most stay pinned until the cursor's next use.
            if generator.below(4) == 0 { unsafe cursors.start[file].release() }
          }
        } while maps.statistics.counts.loads < loads
      } catch {
        Report.note("mapbench: \(error)")
        wrong.add(1, ordering: .relaxed)
      }
    }
    return wrong.load(ordering: .relaxed)
  }

  private func use(
    _ cursor: inout WindowCursor, _ file: Int, _ generator: inout SeededGenerator
  ) throws -> Bool {
    let word = generator.below((files[file].byteCount - Self.useSize) / 8)
    try cursor.use(at: Int64(word * 8), count: Self.useSize)
    return isRight(cursor, word, file)
  }

  private func isRight(_ cursor: borrowing WindowCursor, _ word: Int, _ file: Int) -> Bool {
    let (first, last) = (0, Self.useSize / 8 - 1)
    return [first, last].allSatisfy {
      cursor.bytes.word(at: $0 * 8) == PatternFile.word(word + $0, seed: UInt64(file))
    }
  }

  /// Tasks that await bytes and use them, all cancelled after half a second.
  private func readAhead(_ maps: MapManager, _ count: Int) -> (cancelled: Int, wrong: Int) {
    let ends = Ends()
    let tasks = (0..<count).map { number in
      Task.detached {
        var generator = SeededGenerator(seed: ~seed, after: number << 32)
        let file = number % files.count
        do {
          var cursor = try maps.cursor(for: files[file].path)
          while true {
            let word = generator.below((files[file].byteCount - Self.useSize) / 8)
            try await cursor.lease(at: Int64(word * 8), count: Self.useSize)
            if !isRight(cursor, word, file) { ends.wrong.add(1, ordering: .relaxed) }
            cursor.release()
          }
        } catch let error as MapError where error.code == .cancelled {
          ends.cancelled.add(1, ordering: .relaxed)
        } catch {
          Report.note("mapbench: \(error)")
        }
        ends.all.signal()
      }
    }
    usleep(500_000)
    for task in tasks { task.cancel() }
    for _ in tasks { ends.all.wait() }
    return (ends.cancelled.load(ordering: .relaxed), ends.wrong.load(ordering: .relaxed))
  }

  /// How tasks ended; the semaphore orders the counts before those who wait.
  private final class Ends: Sendable {
    let cancelled = Atomic(0)
    let wrong = Atomic(0)
    let all = DispatchSemaphore(value: 0)
  }

  /// Seconds of CPU time that the process took.
  private static func processorTime() -> Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
