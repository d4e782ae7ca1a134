public import MapProtocols
internal import SystemPackage

extension MMapProvider {
  /// Reads bytes of a file into memory of the caller's: pread(2), again and again until the buffer is full.
  ///
  /// - Parameters:
  ///   - handle: an open file of this provider.
  ///   - offset: the file's byte to begin with.
  ///   - buffer: filled from its start; it may be of any size and alignment.
  /// - Returns: how many bytes; less than the buffer holds only at the end of the file, 0 past it.
  /// - Precondition: `offset` is not negative.
  /// - Throws: `.readFailed`; the buffer's content is undefined then.
  public func read(
    _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(MapError) -> Int {
    precondition(offset >= 0, "an offset must not be negative")
    let descriptor = FileDescriptor(handle)
    let (end, overflow) = offset.addingReportingOverflow(Int64(buffer.count))
    // No file reaches further, and the kernel refuses what would.
    let count = overflow ? Int(Int64.max - offset) : buffer.count
    var done = 0
    do throws(Errno) {
      while done < count {
        let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done..<count])
        let read = try unsafe syscalls.read(descriptor, at: offset + Int64(done), into: rest)
        if read == 0 { break }
        done += read
      }
    } catch {
      throw MapError(.readFailed, range: offset..<(overflow ? .max : end), errno: error)
    }
    return done
  }
}
