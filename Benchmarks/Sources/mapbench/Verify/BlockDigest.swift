/// A 64-bit digest of many blocks that does not depend on their order.
///
/// Each block is hashed by itself: for every eight bytes, little-endian and padded with zeros at the end, the state is
/// xor-ed with them, multiplied by an odd constant and xor-ed with its own upper half; it starts from the block's file and
/// offset. Multiplication by an odd number and xor with a shifted self can be undone, so any single changed word changes
/// the block's hash. The digest is the sum of the hashes. It guards against faults, not against an adversary.
struct BlockDigest: Equatable {
  private(set) var value: UInt64 = 0

  /// Adds a block, hashed in four lanes so that multiplications overlap.
  mutating func add(_ bytes: RawSpan, file: Int, offset: Int64) {
    let prime: UInt64 = 0x9FB2_1C65_1E98_DF25
    let start = UInt64(file) &* 0xC2B2_AE3D_27D4_EB4F ^ UInt64(offset) &+ prime
    value &+= unsafe bytes.withUnsafeBytes { buffer in
      var lanes = (start, ~start, start &* 3, start &* 5)
      var at = 0
      while at &+ 32 <= buffer.count {
        lanes.0 = unsafe Self.step(lanes.0, Self.word(buffer, at))
        lanes.1 = unsafe Self.step(lanes.1, Self.word(buffer, at &+ 8))
        lanes.2 = unsafe Self.step(lanes.2, Self.word(buffer, at &+ 16))
        lanes.3 = unsafe Self.step(lanes.3, Self.word(buffer, at &+ 24))
        at &+= 32
      }
      var hash = Self.step(Self.step(lanes.0, lanes.1), Self.step(lanes.2, lanes.3))
      while at < buffer.count {
        var word: UInt64 = 0
        for index in 0..<min(8, buffer.count &- at) {
          word |= UInt64(unsafe buffer[at &+ index]) << UInt64(index &* 8)
        }
        hash = Self.step(hash, word)
        at &+= 8
      }
      return Self.step(hash, UInt64(buffer.count))
    }
  }

  @inline(__always)
  private static func word(_ buffer: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
    UInt64(littleEndian: unsafe buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  @inline(__always)
  private static func step(_ state: UInt64, _ word: UInt64) -> UInt64 {
    let mixed = (state ^ word) &* 0x9E37_79B9_7F4A_7C15
    return mixed ^ (mixed >> 32)
  }
}
