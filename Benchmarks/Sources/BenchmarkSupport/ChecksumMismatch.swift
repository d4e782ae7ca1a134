/// The two sides of a comparison did not read the same bytes.
public struct ChecksumMismatch: Error, CustomStringConvertible {
  private let target: String
  /// What went wrong, and where.
  public var description: String { "\(target): ours and the peer read different bytes" }

  /// Throws unless the two sums agree.
  public static func check(_ ours: UInt64, _ peer: UInt64, _ target: String) throws {
    if ours != peer { throw ChecksumMismatch(target: target) }
  }
}
