/// Packs without packing: gzip's frame around blocks that are stored as they are.
enum Gzip {
  static func pack(_ bytes: some Collection<UInt8>) -> [UInt8] {
    var packed: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]
    var rest = Array(bytes)[...]
    repeat {
      let block = rest.prefix(65_535)
      rest = rest.dropFirst(block.count)
      let size = UInt16(block.count)
      packed += [rest.isEmpty ? 1 : 0] + littleEndian(UInt32(size), 2)
      packed += littleEndian(UInt32(~size), 2) + block
    } while !rest.isEmpty
    return packed + littleEndian(checksum(bytes), 4)
      + littleEndian(UInt32(truncatingIfNeeded: bytes.count), 4)
  }

  private static func littleEndian(_ value: UInt32, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
  }

  /// CRC-32 as gzip counts it.
  private static func checksum(_ bytes: some Collection<UInt8>) -> UInt32 {
    var sum = ~UInt32(0)
    for byte in bytes {
      sum ^= UInt32(byte)
      for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
    }
    return ~sum
  }
}
