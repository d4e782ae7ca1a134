internal import Foundation
package import SystemPackage

/// A directory for one test's files, removed with all it holds when the last reference goes.
package final class TemporaryDirectory: Sendable {
  /// Its path, without symbolic links, as /proc shows it.
  package let path: FilePath

  /// Makes an empty directory under the system's temporary one.
  package init() throws {
    let url = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
      .appendingPathComponent("sliding-map-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
    path = FilePath(url.path)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path.string)
  }

  /// The path of `name` in here, whether or not there is such a file.
  package func callAsFunction(_ name: String) -> FilePath {
    path.appending(name)
  }

  /// Makes or replaces a file that holds `bytes`.
  @discardableResult
  package func file(_ name: String, _ bytes: [UInt8]) throws -> FilePath {
    let file = self(name)
    let descriptor = try FileDescriptor.open(
      file, .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
    try descriptor.closeAfter {
      _ = try unsafe bytes.withUnsafeBytes { try unsafe descriptor.writeAll($0) }
    }
    return file
  }

  /// Makes or replaces a file of `size` bytes, all holes but for `islands`, each at its offset.
  @discardableResult
  package func sparseFile(
    _ name: String, size: Int64, islands: [Int64: [UInt8]] = [:]
  ) throws -> FilePath {
    let file = try self.file(name, [])
    let descriptor = try FileDescriptor.open(file, .readWrite)
    try descriptor.closeAfter {
      try descriptor.resize(to: size)
      for (offset, bytes) in islands {
        _ = try unsafe bytes.withUnsafeBytes {
          try unsafe descriptor.writeAll(toAbsoluteOffset: offset, $0)
        }
      }
    }
    return file
  }

  /// Changes a file in place, as another process would.
  package func write(_ bytes: [UInt8], to file: FilePath, at offset: Int64) throws {
    let descriptor = try FileDescriptor.open(file, .writeOnly)
    try descriptor.closeAfter {
      _ = try unsafe bytes.withUnsafeBytes {
        try unsafe descriptor.writeAll(toAbsoluteOffset: offset, $0)
      }
    }
  }

  /// Cuts a file short, or lengthens it by a hole.
  package func resize(_ file: FilePath, to size: Int64) throws {
    let descriptor = try FileDescriptor.open(file, .writeOnly)
    try descriptor.closeAfter { try descriptor.resize(to: size) }
  }

  /// Puts `new` where `old` is, as rename(2) does: readers of the old file keep it.
  package func replace(_ old: FilePath, by new: FilePath) throws {
    try FileManager.default.removeItem(atPath: old.string)
    try FileManager.default.moveItem(atPath: new.string, toPath: old.string)
  }
}

/// Bytes that differ from place to place, so that a window in the wrong place shows. The same for the same seed.
package func patternedBytes(_ count: Int, seed: UInt64 = 0) -> [UInt8] {
  var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
  var bytes = [UInt8](repeating: 0, count: count)
  for index in bytes.indices {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    bytes[index] = UInt8(truncatingIfNeeded: state)
  }
  return bytes
}

/// What pread(2) says a file holds in `range`: the truth that windows are compared with.
package func readBytes(of file: FilePath, _ range: Range<Int64>) throws -> [UInt8] {
  let descriptor = try FileDescriptor.open(file, .readOnly)
  return try descriptor.closeAfter {
    var bytes = [UInt8](repeating: 0, count: range.count)
    let count = try unsafe bytes.withUnsafeMutableBytes { buffer in
      var done = 0
      while done < buffer.count {
        let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
        let count = try unsafe descriptor.read(
          fromAbsoluteOffset: range.lowerBound + Int64(done), into: rest)
        if count == 0 { break }
        done += count
      }
      return done
    }
    bytes.removeLast(bytes.count - count)
    return bytes
  }
}
