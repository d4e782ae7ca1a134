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

  /// Brings windows into memory without waiting for a disk on the calling thread.
  ///
  /// Up to 16 KiB that the page cache has already are mapped at once, and `completion` is called before this returns. All
  /// else is left to one thread of the provider's, started when it is first needed: it has the disk begin with all of it
  /// (MADV_WILLNEED), then maps one load after the other (MADV_POPULATE_READ), in order of submission, and calls
  /// `completion`, which should not take long. Extents and handles of loads must stay until then.
  ///
  /// Where the system gives no thread (EAGAIN), and in a child process after fork(2), the calling thread does all that,
  /// and waits. Kernels before Linux 5.14 only begin to read.
  ///
  /// Loads fail with `.fileTruncated` where the file ends before a window's last page, `.readFailed` where reading fails,
  /// `.cancelled` where that was asked for before they were all there, and `.shutdown` after `shutdown()`. O(n).
  @discardableResult
  public func submit(
    _ loads: [RegionLoad], completion: @escaping @Sendable ([RegionLoad]) -> Void
  ) -> LoadCancellation {
    populator.submit(loads, completion: completion)
  }

  /// Ends the provider's threads, if there are any, and waits for them.
  ///
  /// The load it is at ends, at the latest after 2 MiB more; what waits ends with `.shutdown`, on the calling thread; and so
  /// do later loads that are submitted. All else goes on working: opening, loading, reading, giving back. Idempotent. May
  /// be called by a completion.
  public func shutdown() {
    populator.shutdown()
  }
}
