/// What files are filled with: no two places alike, and no zeros, which stand for what is missing.
enum Noise {
  private static let size = 1 << 20

  private static let all: [UInt8] = {
    var state: UInt64 = 0
    return (0..<size).map { _ in
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
      return UInt8(1 + (mixed ^ mixed >> 31) % 255)
    }
  }()

  /// So many bytes, fewer than there are: others for each number below 1,000.
  static func bytes(_ count: Int, _ number: Int) -> ArraySlice<UInt8> {
    let start = number * 7919 % (size - count)
    return all[start..<start + count]
  }
}
