import BenchmarkSupport
import Glibc
import SlidingMap
import Synchronization
import SystemPackage

/// Reads files from many threads while a second process changes them, and counts what is wrong and what is left.
struct ChangesSoak {
  static let windowSize = 64 << 10
  /// If nothing ends for so many seconds, something hangs.
  private static let patience = 120
  /// From how long a run on it is judged whether the process is steady, in seconds.
  private static let steadyAfter = 180.0
  /// About how long a manager lives, in seconds.
  private static let roundLength = 4.0

  let files: Int
  let threads: Int
  let changesPerSecond: Int
  /// One call of a backend in so many fails, in every other round; 0 for none.
  let faultShare: Int
  let seed: UInt64

  /// A backend's whole run, beside a process of its own that changes files of its own.
  func run(_ backend: BackendName, seconds length: Double) throws -> ChangesSoakResult {
    let directory = try TemporaryDirectory()
    defer { directory.remove() }
    let table = try ChangeTable(
      directory.path.appending(SecondProcess.tableName), count: files)
    var changer = FileChanger(table, in: directory.path, seed: seed)
    try changer.makeFiles()
    let second = try SecondProcess(
      in: directory.path, files: files, changesPerSecond: changesPerSecond, seed: seed)
    let before = table.ended
    let tally = ChangesTally(isCopying: backend.isAnonymous)
    var result = ChangesSoakResult(backend: backend.rawValue, seed: seed)
    let watch = watch(tally, backend)
    // The C library and the language's runtime keep what they keep.
    for number in 0..<RoundPlan.cycle {
      let round = round(number, backend, table, directory.path, tally, 0.5)
      _ = try run(round, &result, isFirst: true)
    }
    let cycles = max((length / Self.roundLength / Double(3 * RoundPlan.cycle)).rounded(), 1)
    let rounds = 3 * RoundPlan.cycle * Int(cycles)
    var samples: [[ProcessSample]] = []
    var progress = ProgressBar(total: rounds)
    result.seconds = try seconds {
      for number in 0..<rounds {
        progress.show(backend.rawValue)
        let round = round(
          number, backend, table, directory.path, tally, length / Double(rounds))
        samples.append(try run(round, &result))
        progress.advance()
      }
    }
    progress.finish()
    watch.stop()
    result.changes = table.ended - before
    try second.stop()
    result.steadiness = Steadiness(samples)
    result.isSteadinessJudged = length >= Self.steadyAfter
    result.take(tally.now)
    return result
  }

  private func round(
    _ number: Int, _ backend: BackendName, _ table: ChangeTable, _ directory: FilePath,
    _ tally: ChangesTally, _ length: Double
  ) -> ChangesRound {
    let plan = RoundPlan(number: number)
    return ChangesRound(
      plan: plan, backend: backend, table: table, directory: directory, tally: tally, seed: seed,
      end: nanoseconds() + UInt64(length * 1e9), hasFaults: plan.hasFaults && faultShare > 0)
  }

  /// A manager's whole life.
  ///
  /// - Parameter isFirst: whether what is left in the process does not count.
  /// - Returns: what the process had meanwhile.
  private func run(
    _ round: ChangesRound, _ result: inout ChangesSoakResult, isFirst: Bool = false
  ) throws -> [ProcessSample] {
    let samples = Mutex<[ProcessSample]>([])
    let dice = FaultDice(oneIn: max(faultShare, 1), seed: seed &+ UInt64(round.plan.number))
    var left = Leftovers()
    do {
      let maps = try round.plan.manager(round.backend, failing: round.hasFaults ? dice : nil)
      Worker.together(threads + 1) { number in
        do {
          if number == threads {
            return try SystemPressure().run(until: round.end) { sample in
              samples.withLock { $0.append(sample) }
            }
          }
          var thread = try ChangesThread(round, maps, number: number)
          thread.run()
        } catch {
          round.judge(error, nil, "a thread")
        }
      }
      left.lookAtIdle(maps)
      let statistics = maps.statistics
      if let most = round.plan.mostBytes, statistics.peak.bytes > most {
        round.tally.blame("round \(round.plan.number): hard budget, peak \(statistics.peak)")
      }
      result.take(statistics)
      left.shutdown(maps)
    }
    left.lookAtProcess()
    result.faults += dice.count
    result.take(left, isFirst: isFirst)
    round.tally.advance()
    return samples.withLock { $0 }
  }

  /// Ends the tool if the threads come no further.
  private func watch(_ tally: ChangesTally, _ backend: BackendName) -> Watch {
    let seed = seed
    return Watch(patience: Self.patience) {
      tally.done
    } orElse: { done in
      Report.note(
        "mapbench: \(backend.rawValue), seed \(seed): nothing goes on after \(done) operations")
      Cleanup.exit(1)
    }
  }
}
