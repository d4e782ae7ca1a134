import Histogram

/// One line of the comparison, as it stands in the table and in the JSON.
struct CompareRow: Encodable {
  let workload: String
  let backend: String
  let policy: String
  let threads: Int
  /// Whether it read only the first of the accesses that others read.
  let isShort: Bool
  let operations: Int
  let seconds: Double
  let operationsPerSecond: Double
  /// Accesses whose windows were loaded, of all; null where nothing is ever loaded by a manager.
  let hitRatio: Double?
  /// Accesses that were read past their windows, of all.
  let bypassedRatio: Double?
  let p50Nanoseconds: UInt64
  let p99Nanoseconds: UInt64
  let p999Nanoseconds: UInt64
  let loads: Int?
  let evictions: Int?
  /// The most that the manager counted as loaded.
  let peakBytes: Int?
  /// The most file pages in the process above its start, by its own account; anonymous memory for backends that read.
  let peakResidentBytes: Int
  let checksum: String
  /// Whether the words read were those that all other rows read.
  var isCorrect = true

  static let titles = [
    "backend", "policy", "ops/s", "hits", "bypassed", "p50", "p99", "p99.9", "loads", "evictions",
    "peak bytes", "resident", "bytes read",
  ]

  var cells: [String] {
    [
      backend, policy, grouped(Int(operationsPerSecond)),
      hitRatio.map { "\(fixed($0 * 100, 2))%" } ?? "-",
      bypassedRatio.map { "\(fixed($0 * 100, 2))%" } ?? "-",
      duration(nanoseconds: Double(p50Nanoseconds)), duration(nanoseconds: Double(p99Nanoseconds)),
      duration(nanoseconds: Double(p999Nanoseconds)), loads.map(grouped) ?? "-",
      evictions.map(grouped) ?? "-", peakBytes.map(ByteSize.text) ?? "-",
      ByteSize.text(peakResidentBytes), isCorrect ? "same" : "DIFFERENT",
    ]
  }
}
