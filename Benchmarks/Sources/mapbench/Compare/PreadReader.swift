import SystemPackage

/// Reads by pread(2), one call an access, into one buffer.
final class PreadReader: Reader, @unchecked Sendable {
  private let files: OpenFiles
  private let buffer = AlignedBuffer(byteCount: Access.byteCount)

  init(_ files: OpenFiles) { self.files = files }

  override func perform(_ accesses: ArraySlice<Access>) throws {
    let descriptors = files.descriptors
    try drive(accesses) { file, offset in
      try Self.load(from: descriptors[file], at: offset, buffer)
    }
  }

  @inline(__always)
  private static func load(
    from file: FileDescriptor, at offset: Int, _ buffer: borrowing AlignedBuffer
  ) throws -> UInt64 {
    let count = try buffer.fill(from: file, at: Int64(offset), count: Access.byteCount)
    guard count == Access.byteCount else { throw Errno.ioError }
    return buffer.bytes.fourWords(at: 0)
  }
}
