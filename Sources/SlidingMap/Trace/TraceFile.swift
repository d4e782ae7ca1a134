import MapProtocols
import SystemPackage

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// The file of a recording, read or written from its start on; closed with its owner.
struct TraceFile: ~Copyable {
  private let descriptor: FileDescriptor

  /// Opens a recording: open(2).
  init(reading path: FilePath) throws(MapError) {
    self.init(try Self.open(path, .readOnly, []))
  }

  /// Makes an empty file, or empties the one that is there: open(2), flock(2) and ftruncate(2). Nobody else records to it
  /// as long as this has it.
  ///
  /// - Throws: `.openFailed` with errno, EWOULDBLOCK where another recording is written to the file; `.notRegularFile`.
  ///   What `check` throws of the file's identity leaves it as it was.
  init(
    creating path: FilePath, _ check: (FileIdentity) throws(MapError) -> Void
  ) throws(MapError) {
    let descriptor = try Self.open(path, .readWrite, .create)
    do throws(MapError) {
      try check(try FileStatus(of: descriptor).identity)
      try Self.call(.openFailed) {
        if flock(descriptor.rawValue, LOCK_EX | LOCK_NB) != 0 { throw Errno(rawValue: errno) }
        try descriptor.resize(to: 0)
      }
    } catch {
      try? descriptor.close()
      throw error
    }
    self.init(descriptor)
  }

  private init(_ descriptor: FileDescriptor) { self.descriptor = descriptor }

  // Hangs on no FIFO, and what is no file is not written to.
  private static func open(
    _ path: FilePath, _ mode: FileDescriptor.AccessMode, _ options: FileDescriptor.OpenOptions
  ) throws(MapError) -> FileDescriptor {
    let options = options.union([.closeOnExec, .nonBlocking])
    let descriptor = try Self.call(.openFailed) {
      try FileDescriptor.open(
        path, mode, options: options, permissions: [.ownerReadWrite, .groupRead, .otherRead])
    }
    if (try? Stat(descriptor).type) == .regular { return descriptor }
    try? descriptor.close()
    throw MapError(.notRegularFile)
  }

  deinit { try? descriptor.close() }

  /// The next bytes, at most `count`; none at the end: read(2).
  func read(_ count: Int) throws(MapError) -> [UInt8] {
    try Self.call(.readFailed) {
      try unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, count in
        count = try unsafe descriptor.read(into: UnsafeMutableRawBufferPointer(buffer))
      }
    }
  }

  /// The `count` bytes at an offset, which are there: pread(2).
  func read(_ count: Int, at offset: Int) throws(MapError) -> [UInt8] {
    try Self.call(.readFailed) {
      var bytes = [UInt8](repeating: 0, count: count)
      var done = 0
      while done < count {
        let read = try unsafe bytes.withUnsafeMutableBytes {
          try unsafe descriptor.read(
            fromAbsoluteOffset: Int64(offset + done),
            into: UnsafeMutableRawBufferPointer(rebasing: $0[done...]))
        }
        if read == 0 { throw Errno.ioError }
        done += read
      }
      return bytes
    }
  }

  /// Writes all bytes at an offset: pwrite(2).
  func write(_ bytes: [UInt8], at offset: Int) throws(MapError) {
    _ = try Self.call(.writeFailed) {
      try unsafe bytes.withUnsafeBytes {
        try unsafe descriptor.writeAll(toAbsoluteOffset: Int64(offset), $0)
      }
    }
  }

  /// Cuts the file: ftruncate(2).
  func cut(to byteCount: Int) { try? descriptor.resize(to: Int64(byteCount)) }

  private static func call<R>(
    _ code: MapError.Code, _ body: () throws -> R
  ) throws(MapError) -> R {
    do {
      return try body()
    } catch {
      throw MapError(code, errno: error as? Errno)
    }
  }
}
