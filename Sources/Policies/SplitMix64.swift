/// A small random source that gives the same numbers for the same seed everywhere: SplitMix64.
package struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// A source whose sequence the seed determines.
  package init(seed: UInt64) { state = seed }

  /// The next of 2^64 equally likely numbers. O(1).
  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }

  /// A number in 0..<`bound`, off from equally likely by less than `bound` in 2^64. O(1).
  package mutating func draw(below bound: Int) -> Int {
    Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high)
  }
}
