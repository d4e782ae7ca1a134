import BenchmarkSupport
import Glibc
import SystemPackage

/// What of a file the page cache holds.
extension PatternFile {
  /// Reads a file through once, so that the page cache holds it.
  static func warm(_ path: FilePath) throws {
    let file = try FileDescriptor.open(path, .readOnly)
    defer { try? file.close() }
    let buffer = AlignedBuffer(byteCount: 1 << 20)
    var offset: Int64 = 0
    while true {
      let count = try buffer.fill(from: file, at: offset, count: 1 << 20)
      if count == 0 { return }
      offset += Int64(count)
    }
  }

  /// Drops a file's clean pages from the page cache: fsync(2), then posix_fadvise(2) with DONTNEED.
  static func chill(_ path: FilePath) throws {
    let file = try FileDescriptor.open(path, .readOnly)
    defer { try? file.close() }
    fsync(file.rawValue)
    let result = posix_fadvise(file.rawValue, 0, 0, POSIX_FADV_DONTNEED)
    guard result == 0 else { throw Errno(rawValue: result) }
  }

  /// How many of a file's pages the page cache holds: mincore(2).
  static func cachedPages(_ path: FilePath) throws -> Int { try RawMapping(path).residentPages() }
}
