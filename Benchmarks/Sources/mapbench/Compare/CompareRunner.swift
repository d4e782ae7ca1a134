import BenchmarkSupport
import Histogram
import SlidingMap

/// Runs workloads over subjects and gathers rows.
struct CompareRunner {
  let corpus: Corpus
  let budget: Int
  let windowSize: Int
  let threads: Int
  let seed: UInt64

  var shape: WorkloadShape { WorkloadShape(corpus, windowSize: windowSize, budget: budget) }

  /// The accesses of each thread: a quarter to warm up with, then those that count.
  func accesses(_ workload: Workload) -> [[Access]] {
    (0..<threads).map { thread in
      workload.accesses(
        corpus, shape, count: workload.operations / threads * 5 / 4, thread: thread, seed: seed)
    }
  }

  /// Measures one row.
  ///
  /// - Parameter isShort: whether only the first accesses are read, as many as a backend that copies gets.
  func run(
    _ workload: Workload, _ subject: Subject, _ all: [[Access]], isShort: Bool
  ) throws -> CompareRow {
    let wanted = isShort ? workload.copyingOperations : workload.operations
    let accesses = all.map { $0[..<(wanted / threads * 5 / 4)] }
    let sampler = MemorySampler()
    let maps = try subject.makeManager(budget: budget, windowSize: windowSize)
    defer { maps?.shutdown() }
    let readers = try subject.makeReaders(threads, maps, corpus.files)
    let warmUp = accesses[0].count / 5
    Worker.together(threads) { readers[$0].read(accesses[$0][..<warmUp]) }
    let before = maps?.statistics
    let time = seconds {
      Worker.together(threads) { readers[$0].read(accesses[$0][warmUp...]) }
    }
    let after = maps?.statistics
    let peak = sampler.stop()
    for reader in readers {
      if let failure = reader.failure { throw failure }
    }

    let histogram = Self.histogram(readers.flatMap(\.latencies))
    let operations = (accesses[0].count - warmUp) * threads
    let checksum = readers.reduce(UInt64(0)) { $0 &* 31 &+ $1.checksum }
    var (hitRatio, bypassedRatio): (Double?, Double?)
    if let before = before?.counts, let after = after?.counts {
      let (misses, bypasses) = (after.misses - before.misses, after.bypasses - before.bypasses)
      hitRatio = 1 - Double(misses + bypasses) / Double(operations)
      bypassedRatio = Double(bypasses) / Double(operations)
    }
    return CompareRow(
      workload: workload.rawValue, backend: subject.backend, policy: subject.policy,
      threads: threads, isShort: wanted < workload.operations, operations: operations,
      seconds: time,
      operationsPerSecond: Double(operations) / time,
      hitRatio: hitRatio, bypassedRatio: bypassedRatio,
      p50Nanoseconds: histogram.valueAtPercentile(50),
      p99Nanoseconds: histogram.valueAtPercentile(99),
      p999Nanoseconds: histogram.valueAtPercentile(99.9),
      loads: after.map { $0.counts.loads - (before?.counts.loads ?? 0) },
      evictions: after.map { $0.counts.evictions - (before?.counts.evictions ?? 0) },
      peakBytes: after?.peak.bytes,
      peakResidentBytes: max(0, subject.isAnonymous ? peak.anonymous : peak.file),
      checksum: String(checksum, radix: 16))
  }

  static func histogram(_ latencies: [UInt64]) -> Histogram<UInt64> {
    var histogram = Histogram<UInt64>(
      highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)
    for latency in latencies { histogram.record(latency) }
    return histogram
  }
}
