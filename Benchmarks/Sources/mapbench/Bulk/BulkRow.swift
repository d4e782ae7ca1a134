/// One operation's bandwidth, as it stands in the table and in the JSON.
struct BulkRow: Encodable {
  let operation: String
  let peer: String
  /// The medians of each side, in GiB/s.
  let ours: Double
  let raw: Double
  /// The median of ours / raw over the pairs, and the smallest and largest.
  let ratio: Double
  let low: Double
  let high: Double
  let pairs: [Pair]

  init(_ operation: BulkOperation, _ pairs: [Pair]) {
    let ratios = pairs.map(\.figure)
    self.operation = operation.name
    peer = operation.peer
    ours = median(pairs.map(\.ours))
    raw = median(pairs.compactMap(\.peer))
    ratio = median(ratios)
    low = ratios.min() ?? .nan
    high = ratios.max() ?? .nan
    self.pairs = pairs
  }

  static let titles = ["operation", "raw peer", "GiB/s", "raw GiB/s", "ratio", "spread"]

  var cells: [String] {
    [
      operation, peer, fixed(ours, 2), fixed(raw, 2), fixed(ratio, 2),
      "\(fixed(low, 2))..\(fixed(high, 2))",
    ]
  }
}
