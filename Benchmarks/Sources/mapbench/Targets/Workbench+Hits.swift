import BenchmarkSupport
import SlidingMap

extension Workbench {
  /// Pairs of nanoseconds for a `use` and a load, and for the same load from a plain mapping.
  ///
  /// - Parameter name: for the error thrown where the two sides read different bytes.
  func hits(
    _ cursor: inout WindowCursor, _ mapping: borrowing RawMapping, _ offsets: [Int64],
    passes: Int, _ name: String, _ combine: (_ ours: Double, _ peer: Double) -> Pair
  ) throws -> [Pair] {
    let operations = Double(offsets.count * passes)
    var sums: (ours: UInt64, peer: UInt64) = (0, 0)
    let pairs = try pairs(
      ours: {
        try seconds { sums.ours = try Loops.useAndLoad(&cursor, offsets, passes: passes) }
          / operations * 1e9
      },
      peer: {
        seconds { sums.peer = Loops.load(mapping.bytes, offsets, passes: passes) }
          / operations * 1e9
      }, combine)
    try ChecksumMismatch.check(sums.ours, sums.peer, name)
    return pairs
  }
}
