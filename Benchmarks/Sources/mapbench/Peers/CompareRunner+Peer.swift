import Histogram
import SystemPackage

extension CompareRunner {
  /// Measures one row of another implementation, on one thread.
  ///
  /// - Parameter directory: for what its program reads.
  func run(
    _ workload: Workload, _ peer: Peer, _ all: [Access], in directory: FilePath
  ) throws -> CompareRow {
    let wanted = peer.isSlow ? workload.copyingOperations : workload.operations
    let accesses = all[..<(wanted * 5 / 4)]
    let warmUp = accesses.count / 5
    let result = try peer.read(
      accesses, warmUp: warmUp, corpus.files, budget: budget, windowSize: windowSize,
      in: directory)
    let operations = accesses.count - warmUp
    let histogram = Self.histogram(result.latencies)
    return CompareRow(
      workload: workload.rawValue, backend: peer.name, policy: PolicyName.lru.rawValue,
      threads: 1, isShort: wanted < workload.operations, operations: operations,
      seconds: result.seconds,
      operationsPerSecond: Double(operations) / result.seconds,
      hitRatio: result.loads.map { 1 - Double($0) / Double(operations) }, bypassedRatio: nil,
      p50Nanoseconds: histogram.valueAtPercentile(50),
      p99Nanoseconds: histogram.valueAtPercentile(99),
      p999Nanoseconds: histogram.valueAtPercentile(99.9),
      loads: result.loads,
      evictions: nil,
      peakBytes: result.peakBytes,
      peakResidentBytes: result.residentBytes,
      checksum: String(result.checksum, radix: 16))
  }
}
