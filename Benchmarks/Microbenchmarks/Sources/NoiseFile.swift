import Glibc
import SlidingMap
import SystemPackage

/// A file of noise in the page cache, mapped whole as well. It loses its name at once, so nothing is left behind.
@safe
final class NoiseFile: @unchecked Sendable {
  let descriptor: FileDescriptor
  /// The plain mapping, every page mapped.
  let bytes: UnsafeRawBufferPointer

  /// Writes `byteCount` bytes, a multiple of 1 MiB, all below 128, into $TMPDIR or /tmp.
  init(byteCount: Int) throws {
    let parent = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
    let path = FilePath("\(parent)/sliding-map-micro-\(getpid())")
    let file = try FileDescriptor.open(
      path, .readWrite, options: [.create, .exclusiveCreate], permissions: .ownerReadWrite)
    unsafe unlink(path.string)
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<byteCount >> 20 {
      let block = (0..<1 << 17).map { _ in generator.next() & 0x7F7F_7F7F_7F7F_7F7F }
      _ = try unsafe block.withUnsafeBytes { try unsafe file.writeAll($0) }
    }
    let address = unsafe mmap(
      nil, byteCount, PROT_READ, MAP_SHARED | MAP_POPULATE, file.rawValue, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      throw Errno(rawValue: errno)
    }
    descriptor = file
    unsafe bytes = UnsafeRawBufferPointer(start: address, count: byteCount)
  }

  deinit {
    unsafe munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
    try? descriptor.close()
  }

  /// A cursor that has touched every page of the file's first windows.
  func populatedCursor(_ maps: MapManager) throws -> HeldCursor {
    let held = HeldCursor(try maps.cursor(for: descriptor))
    try held.cursor.withBytes(at: 0, count: unsafe bytes.count) { span in
      for offset in stride(from: 0, to: span.byteCount, by: 4096) {
        keep(unsafe UInt64(span.unsafeLoad(fromByteOffset: offset, as: UInt8.self)))
      }
    }
    held.cursor.release()
    return held
  }
}
