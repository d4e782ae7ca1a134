import BenchmarkSupport
import Glibc
import SlidingMap
import Synchronization
import SystemPackage

/// Uses a manager from many threads in all ways there are, and counts what is wrong and what is left.
struct MixedSoak: Sendable {
  static let windowSize = 64 << 10
  /// Where most uses go to: the files' starts together are less than the budget.
  static let hotBytes = 2 * windowSize
  static let handles = 64
  /// If no operation ends for so long, something hangs.
  private static let patience = 120

  let files: SoakFiles
  let seed: UInt64
  let threads: Int
  /// A tenth of the files, but as much as the threads may pin.
  let budget: Int
  /// All that the threads hold fits the budget. It is overshot only while what others load fills it up, each by a request:
  /// what is only started waits for room.
  private var mostExcess: Int { threads * SoakThread.wideWindows * Self.windowSize }

  /// Makes the files.
  init(in directory: FilePath, files count: Int, threads: Int, seed: UInt64) throws {
    self.seed = seed
    self.threads = threads
    files = try SoakFiles(
      in: directory, count: count, windowSize: Self.windowSize, seed: seed)
    budget = max(files.byteCount / 10, threads * SoakThread.mostPinned * Self.windowSize)
  }

  /// A manager's whole life.
  ///
  /// - Parameter operations: for each thread.
  func run(_ backend: BackendName, operations: Int) throws -> MixedSoakResult {
    var result = MixedSoakResult(
      backend: backend.rawValue, budget: budget, mostExcess: mostExcess, seed: seed)
    let tally = SoakTally()
    result.left = Leftovers()
    let sampler = MemorySampler()
    result.seconds = try seconds {
      let maps = SlidingWindowMapManager(
        backend: try backend.make(), budget: limits(backend), windowSize: Self.windowSize)
      let watch = watch(tally, backend, total: operations * threads)
      Worker.together(threads) { number in
        do {
          var thread = try SoakThread(self, maps, tally, number: number)
          thread.run(operations: operations)
        } catch {
          tally.judge(error, nil, "a thread")
        }
      }
      watch.join()
      result.left.lookAtIdle(maps)
      result.take(maps.statistics)
      result.left.shutdown(maps)
    }
    let peaks = sampler.stop()
    result.resident = peaks.file + peaks.anonymous
    result.left.lookAtProcess()
    result.take(tally)
    return result
  }

  /// Handles for a third of the files, and kernel maps for all that may be leased at a time but not for all.
  private func limits(_ backend: BackendName) -> FixedBudget {
    let leased = threads * (SoakThread.cursorCount + SoakThread.bufferCount + 2)
    return .fixed(
      bytes: budget, maps: (leased + 16) * (backend.isAnonymous ? 2 : 1), handles: Self.handles)
  }

  /// Shows how far the threads are, and ends the tool if they come no further.
  private func watch(_ tally: SoakTally, _ backend: BackendName, total: Int) -> Worker {
    let seed = seed
    return Worker {
      var bar = ProgressBar(total: total)
      var (shown, idle) = (0, 0)
      while shown < total {
        usleep(100_000)
        let done = tally.done
        idle = done == shown ? idle + 1 : 0
        bar.advance(by: done - shown)
        shown = done
        bar.show(backend.rawValue)
        if idle > Self.patience * 10 {
          Report.note(
            "mapbench: \(backend.rawValue), seed \(seed): nothing goes on after \(done) operations")
          Cleanup.exit(1)
        }
      }
      bar.finish()
    }
  }
}
