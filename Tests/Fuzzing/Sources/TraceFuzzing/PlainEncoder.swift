/// The compact format written from its description.
enum PlainEncoder {
  /// A window that appears for the first time.
  static func bytes(new region: Access) -> [UInt8] {
    let file = (0..<8).map { UInt8(truncatingIfNeeded: region.file >> (8 * UInt64($0))) }
    return [0] + file + bytes(UInt64(region.window)) + bytes(UInt64(region.byteCount))
  }

  /// LEB128.
  static func bytes(_ number: UInt64) -> [UInt8] {
    number < 128 ? [UInt8(number)] : [UInt8(number % 128) | 128] + bytes(number / 128)
  }
}
