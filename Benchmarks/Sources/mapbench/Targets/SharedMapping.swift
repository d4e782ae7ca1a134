import BenchmarkSupport
import SystemPackage

/// A plain mapping that threads share, all its pages mapped.
final class SharedMapping: Sendable {
  private let mapping: RawMapping

  init(_ path: FilePath, byteCount: Int) throws {
    mapping = try RawMapping(path, byteCount: byteCount)
    Self.touch(mapping)
  }

  /// The peer's loop over it.
  func load(_ offsets: [Int64], passes: Int) -> UInt64 { Self.load(mapping, offsets, passes) }

  // A span of a stored property can't be passed on; one of a borrowed argument can.
  private static func load(
    _ mapping: borrowing RawMapping, _ offsets: [Int64], _ passes: Int
  ) -> UInt64 {
    Loops.load(mapping.bytes, offsets, passes: passes)
  }

  private static func touch(_ mapping: borrowing RawMapping) {
    blackHole(mapping.bytes.touchPages())
  }
}
