import Benchmark
import BenchmarkSupport
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
    var sums: (ours: UInt64, plain: UInt64) = (0, 0)
    let plainTime = try processorSeconds { sums.plain = try plain() }
    let before = misses()
    benchmark.startMeasurement()
    let time = try processorSeconds { sums.ours = try ours() }
    benchmark.stopMeasurement()
    benchmark.measurement(
      Self.percentOfPlain, Int((time / plainTime * 100).rounded()))
    benchmark.measurement(Self.loads, misses() - before)
    try ChecksumMismatch.check(sums.ours, sums.plain, benchmark.name)
  }
}
