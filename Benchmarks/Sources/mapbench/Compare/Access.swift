/// One step of a workload in 8 bytes: which file, and where in it. Made before the clock runs.
struct Access: Sendable {
  /// An access reads words within so many bytes.
  static let byteCount = 64

  private let packed: UInt64

  /// The file's number above bit 40, the offset below: what peers are told.
  var word: UInt64 { packed }

  /// - Precondition: `offset` is below 1 TiB.
  init(file: Int, offset: Int) {
    precondition(offset < 1 << 40)
    packed = UInt64(file) << 40 | UInt64(offset)
  }

  @inline(__always) var file: Int { Int(packed >> 40) }
  @inline(__always) var offset: Int { Int(packed & (1 << 40 - 1)) }
}
