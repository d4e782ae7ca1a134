import BenchmarkSupport
import Glibc
import SlidingMap
import SystemPackage

/// A file of noise in the page cache, mapped whole as well. It loses its name at once, so nothing is left behind.
@safe
final class NoiseFile: @unchecked Sendable {
  let descriptor: FileDescriptor
  /// The plain mapping's, every page mapped.
  let bytes: UnsafeRawBufferPointer
  private let mapping: RawMapping

  /// Writes `byteCount` bytes, a multiple of 1 MiB, all below 128, into $TMPDIR or /tmp.
  init(byteCount: Int) throws {
    let parent = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
    let path = FilePath("\(parent)/sliding-map-micro-\(getpid())")
    descriptor = try FileDescriptor.open(
      path, .readWrite, options: [.create, .exclusiveCreate], permissions: .ownerReadWrite)
    unsafe unlink(path.string)
    try PatternFile.write(
      descriptor, byteCount: byteCount, seed: 1, mask: 0x7F7F_7F7F_7F7F_7F7F)
    let mapping = try RawMapping(descriptor, byteCount: byteCount)
    unsafe bytes = Self.populated(mapping)
    self.mapping = mapping
  }

  /// The bytes of a mapping, which stay where they are as long as it does, all their pages mapped.
  private static func populated(_ mapping: borrowing RawMapping) -> UnsafeRawBufferPointer {
    blackHole(mapping.bytes.touchPages())
    return unsafe mapping.bytes.withUnsafeBytes { unsafe $0 }
  }

  deinit { try? descriptor.close() }

  /// A cursor that has touched every page of the file.
  func populatedCursor(_ maps: MapManager) throws -> HeldCursor {
    let held = HeldCursor(try maps.cursor(for: descriptor))
    try Loops.populate(&held.cursor, windows: unsafe 0..<bytes.count >> 20)
    held.cursor.release()
    return held
  }
}
