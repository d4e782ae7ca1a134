/// One measurement of ours and one of the peer's, taken right after one another.
struct Pair: Encodable, Sendable {
  let ours: Double
  /// Null where a number stands for itself.
  let peer: Double?
  /// What the two say together, in the unit of the target.
  let figure: Double

  /// Ours as a multiple of the peer's.
  static func ratio(_ ours: Double, _ peer: Double) -> Pair {
    Pair(ours: ours, peer: peer, figure: ours / peer)
  }

  /// The peer's as a multiple of ours: for times, how many times as fast we are.
  static func speed(_ ours: Double, _ peer: Double) -> Pair {
    Pair(ours: ours, peer: peer, figure: peer / ours)
  }

  /// By how much ours is more.
  static func difference(_ ours: Double, _ peer: Double) -> Pair {
    Pair(ours: ours, peer: peer, figure: ours - peer)
  }

  /// A number that needs no peer.
  static func alone(_ ours: Double) -> Pair {
    Pair(ours: ours, peer: nil, figure: ours)
  }
}

/// The middle value; the mean of the two middle ones of an even count.
func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  guard let last = sorted.last else { return .nan }
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 || middle == 0
    ? (sorted.count == 1 ? last : sorted[middle]) : (sorted[middle - 1] + sorted[middle]) / 2
}
