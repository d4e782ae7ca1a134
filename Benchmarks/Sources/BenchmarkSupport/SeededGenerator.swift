/// SplitMix64: small, fast, the same numbers for the same seed on every machine.
@frozen
public struct SeededGenerator: RandomNumberGenerator {
  @usableFromInline var state: UInt64

  /// The generator that has given `count` numbers already.
  @inlinable
  public init(seed: UInt64, after count: Int = 0) {
    state = seed &+ UInt64(count) &* 0x9E37_79B9_7F4A_7C15
  }

  /// The next number, of all 64-bit ones.
  @inlinable
  @inline(__always)
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// A number in `0..<bound`, by multiplication: a bias of 2^-64 × bound doesn't matter here.
  @inlinable
  @inline(__always)
  public mutating func below(_ bound: Int) -> Int {
    Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// A number in 0..<1.
  @inlinable
  public mutating func fraction() -> Double {
    Double(next() >> 11) / Double(1 << 53)
  }
}
