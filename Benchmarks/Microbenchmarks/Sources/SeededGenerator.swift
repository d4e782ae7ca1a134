/// SplitMix64: the same numbers on every machine.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// Offsets of whole words below `bound`.
  static func offsets(_ count: Int, below bound: Int, seed: UInt64 = 2) -> [Int64] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Int64.random(in: 0..<Int64(bound / 8), using: &generator) * 8 }
  }
}
