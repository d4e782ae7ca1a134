import Benchmark
import Glibc

/// What a benchmark does in one iteration: a piece of work by SlidingMap, and about the same by plain means.
///
/// Times say little about another machine. What is held to a threshold is their ratio, taken within an iteration and of the time
/// that the thread kept a processor busy, which other programs disturb least.
struct Comparison {
  /// The work; a number that tells whether both sides read the same.
  let ours: () throws -> UInt64
  let plain: () throws -> UInt64
  /// How many windows SlidingMap has loaded so far.
  var misses: () -> Int = { 0 }

  /// Makes a benchmark known.
  ///
  /// - Parameters:
  ///   - name: the name of a file with its thresholds, too: no spaces, no slashes.
  ///   - scale: how many operations `ours` does.
  ///   - make: called in the process that measures, before the clock runs.
  static func register(
    _ name: String, _ scale: BenchmarkScalingFactor = .one,
    _ make: @escaping () throws -> Comparison
  ) {
    let configuration = Benchmark.Configuration(
      metrics: [.wallClock, .cpuTotal, .throughput, percentOfPlain, loads] + counted,
      warmupIterations: 3, scalingFactor: scale, maxDuration: .seconds(1), maxIterations: 300,
      thresholds: [
        // At most two and a half times what is stored.
        percentOfPlain: BenchmarkThresholds(relative: [.p90: 150]),
        loads: BenchmarkThresholds(absolute: [.p90: 0]),
      ])
    Benchmark(
      name, configuration: configuration,
      closure: { (benchmark: Benchmark, comparison: Comparison) throws -> Void in
        try comparison.run(benchmark)
      },
      setup: { try make() })
  }

  /// The work's time as a percentage of what the plain way took right before.
  private static var percentOfPlain: BenchmarkMetric {
    .custom("percentOfPlain", polarity: .prefersSmaller, useScalingFactor: false)
  }

  /// Windows loaded in an iteration.
  private static var loads: BenchmarkMetric {
    .custom("loads", polarity: .prefersSmaller, useScalingFactor: false)
  }

  /// Instructions, where the machine counts them; a virtual one often doesn't.
  private static var counted: [BenchmarkMetric] {
    unsafe access("/sys/bus/event_source/devices/cpu", F_OK) == 0 ? [.instructions] : []
  }

  private func run(_ benchmark: Benchmark) throws {
    let start = processorTime()
    let expected = try plain()
    let plainTime = processorTime() - start
    let before = misses()
    benchmark.startMeasurement()
    let begun = processorTime()
    let sum = try ours()
    let time = processorTime() - begun
    benchmark.stopMeasurement()
    benchmark.measurement(
      Self.percentOfPlain, Int((Double(time) / Double(plainTime) * 100).rounded()))
    benchmark.measurement(Self.loads, misses() - before)
    guard sum == expected else { throw Mismatch() }
  }

  /// What the thread has used of processors, in nanoseconds.
  private func processorTime() -> Int {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }

  private struct Mismatch: Error, CustomStringConvertible {
    var description: String { "the two sides read different bytes" }
  }
}
