import MapProtocols

/// Turns accesses into the bytes of a format.
struct TraceEncoder {
  static let magic: [UInt8] = Array("SMTRACE".utf8) + [1]

  private let format: TraceFormat
  private var numbers: [RegionKey: Int] = [:]

  init(_ format: TraceFormat) { self.format = format }

  /// What a file begins with.
  var header: [UInt8] { format == .compact ? Self.magic : [] }

  /// How many windows have appeared.
  var regionCount: Int { numbers.count }

  /// Appends an access to a window that has a number.
  func append(_ number: Int, _ byteCount: Int, second: UInt32, to bytes: inout [UInt8]) {
    switch format {
    case .compact:
      Self.append(UInt64(numbers.count - number), to: &bytes)
    case .oracleGeneral:
      bytes.append(littleEndian: second)
      bytes.append(littleEndian: UInt64(number) + 1)
      bytes.append(littleEndian: UInt32(clamping: byteCount))
      bytes.append(littleEndian: UInt64(bitPattern: -1))
    }
  }

  /// Appends an access to a window and returns its number.
  mutating func append(_ region: RegionInfo, second: UInt32, to bytes: inout [UInt8]) -> Int {
    let number = numbers[region.key] ?? numbers.count
    if number == numbers.count {
      numbers[region.key] = number
      if format == .compact {
        bytes.append(0)
        bytes.append(littleEndian: region.key.file)
        Self.append(UInt64(region.key.window), to: &bytes)
        Self.append(UInt64(region.byteCount), to: &bytes)
        return number
      }
    }
    append(number, region.byteCount, second: second, to: &bytes)
    return number
  }

  private static func append(_ value: UInt64, to bytes: inout [UInt8]) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}

extension [UInt8] {
  fileprivate mutating func append<T: FixedWidthInteger>(littleEndian value: T) {
    for byte in 0..<T.bitWidth / 8 { append(UInt8(truncatingIfNeeded: value >> (8 * byte))) }
  }
}
