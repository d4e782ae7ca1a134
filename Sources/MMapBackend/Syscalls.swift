internal import CMapShims
internal import MapProtocols
internal import SystemPackage

#if canImport(Darwin)
  internal import Darwin
#elseif canImport(Glibc)
  internal import Glibc
#endif

/// The system calls that only this backend makes; those on descriptors it shares with others, as `SystemCalls`.
///
/// The Darwin variants compile from the same source but were never run.
struct Syscalls: SystemCalls {
  let faults: SyscallFaults?
  let paths: PathResolution

  // MARK: Memory

  /// mmap(2) of `byteCount` bytes of the file from `offset` on, read-only and shared, wherever the kernel likes.
  func map(
    _ descriptor: FileDescriptor, at offset: Int64 = 0, byteCount: Int
  ) throws(Errno) -> UnsafeMutableRawPointer {
    try unsafe mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor.rawValue, offset)
  }

  /// The same over addresses of our own (MAP_FIXED), whose reservation or memory it replaces.
  ///
  /// - Precondition: `byteCount` addresses from `base` lie in one `reserve`, or are an extent that changes hands.
  @unsafe
  func map(
    _ descriptor: FileDescriptor, byteCount: Int, at base: UnsafeMutableRawPointer
  ) throws(Errno) {
    _ = try unsafe mmap(base, byteCount, PROT_READ, MAP_SHARED | MAP_FIXED, descriptor.rawValue)
  }

  /// Whether a file lies on hugetlbfs, so that the kernel rounds up what is mapped of it: fstatfs(2).
  func hasHugePages(_ descriptor: FileDescriptor) -> Bool {
    smap_has_huge_pages(descriptor.rawValue)
  }

  /// munmap(2) of a whole map of a file. One on hugetlbfs consists of huge pages, whatever length was asked for, and goes only with all of
  /// the last (EINVAL). Should all fail, its memory is given back at least.
  ///
  /// - Precondition: nobody uses these addresses any more.
  @unsafe
  func unmapFile(_ base: UnsafeMutableRawPointer, byteCount: Int) {
    for page in [SystemPage.size, 2 << 20, 1 << 30] {
      let rounded = (byteCount + page - 1) / page * page
      do throws(Errno) {
        _ = try retrying(.munmap) { unsafe Int(munmap(base, rounded)) }
        return
      } catch {
        if error != .invalidArgument { break }
      }
    }
    unsafe drop(base, byteCount: byteCount)
  }

  private func mmap(
    _ address: UnsafeMutableRawPointer?, _ byteCount: Int, _ protection: CInt, _ flags: CInt,
    _ descriptor: CInt, _ offset: Int64 = 0
  ) throws(Errno) -> UnsafeMutableRawPointer {
    let base = try retrying(.mmap) {
      unsafe Int(
        bitPattern: system.mmap(address, byteCount, protection, flags, descriptor, off_t(offset)))
    }
    guard let pointer = unsafe UnsafeMutableRawPointer(bitPattern: base) else {
      preconditionFailure("mmap gave address 0")
    }
    return unsafe pointer
  }

  /// Whether one call can empty several ranges: process_madvise(2). Asked once.
  static let dropsTogether = smap_drop(nil, 0) == 0

  /// The same for several ranges of addresses, in one call where that can be had.
  @unsafe
  func drop(_ ranges: [Range<UInt>]) {
    if ranges.count > 1 && Self.dropsTogether {
      let vectors = unsafe ranges.map {
        unsafe iovec(
          iov_base: UnsafeMutableRawPointer(bitPattern: $0.lowerBound), iov_len: $0.count)
      }
      let dropped = try? retrying(.madvise) { unsafe smap_drop(vectors, vectors.count) }
      if dropped == ranges.reduce(0, { $0 + $1.count }) { return }
    }
    for range in ranges {
      guard let base = unsafe UnsafeMutableRawPointer(bitPattern: range.lowerBound) else {
        continue
      }
      unsafe drop(base, byteCount: range.count)
    }
  }

  /// madvise(2), MADV_POPULATE_READ: maps every page, reading where needed. Nothing happens where the kernel is older
  /// than 5.14 (EINVAL), or isn't Linux; then pages load when touched.
  @unsafe
  func populate(_ base: UnsafeMutableRawPointer, byteCount: Int) throws(Errno) {
    #if os(Linux)
      let populateRead: CInt = 22  // MADV_POPULATE_READ, newer than some headers
      do throws(Errno) {
        _ = try retrying(.madvise) { unsafe Int(madvise(base, byteCount, populateRead)) }
      } catch {
        if error != .invalidArgument { throw error }
      }
    #endif
  }

  /// madvise(2) with the kernel's word for `advice`. A hint: errors don't matter.
  @unsafe
  func advise(_ advice: AccessAdvice, _ base: UnsafeMutableRawPointer, byteCount: Int) {
    let value =
      switch advice {
      case .normal: MADV_NORMAL
      case .random: MADV_RANDOM
      case .sequential: MADV_SEQUENTIAL
      case .willNeed: MADV_WILLNEED
      }
    _ = try? retrying(.madvise) { unsafe Int(madvise(base, byteCount, value)) }
  }

  // MARK: Bytes without a window

  /// pread(2), once: may give less than the buffer holds, and 0 at the end of the file.
  func read(
    _ descriptor: FileDescriptor, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(Errno) -> Int {
    try retrying(.read) {
      unsafe pread(descriptor.rawValue, buffer.baseAddress, buffer.count, off_t(offset))
    }
  }

  /// How many pages of the range the page cache has, those included that are being read just now: cachestat(2).
  ///
  /// Throws ENOSYS where there is no such call, EPERM for a file that the user neither owns nor may write.
  func cachedPages(
    of descriptor: FileDescriptor, at offset: Int64, byteCount: Int
  ) throws(Errno) -> Int {
    try retrying(.cachestat) {
      Int(smap_cached_pages(descriptor.rawValue, offset, Int64(byteCount)))
    }
  }

  /// The same by mincore(2), of a map that is made for it, where the kernel has no such call (before Linux 6.5).
  ///
  /// Throws EPERM for a file of another user.
  func mappedPages(
    of descriptor: FileDescriptor, at offset: Int64, byteCount: Int
  ) throws(Errno) -> Int {
    try retrying(.mincore) {
      Int(smap_mapped_pages(descriptor.rawValue, offset, Int64(byteCount)))
    }
  }

  /// Brings bytes into the page cache and waits for them: sendfile(2) to /dev/null, once. May bring fewer, and 0 at the end of the file.
  ///
  /// Throws ENOTSUP where that can't be done.
  func warm(
    _ descriptor: FileDescriptor, at offset: Int64, byteCount: Int
  ) throws(Errno) -> Int {
    try retrying(.warm) { Int(smap_warm(descriptor.rawValue, offset, byteCount)) }
  }

  /// pread(2) of one byte, if the page cache has it, never waiting for a disk: preadv2(2), RWF_NOWAIT. False past the end.
  ///
  /// Throws EAGAIN where it isn't there, EOPNOTSUPP where nobody can tell.
  func hasCachedByte(_ descriptor: FileDescriptor, at offset: Int64) throws(Errno) -> Bool {
    var byte: UInt8 = 0
    return try retrying(.readCached) {
      unsafe smap_read_cached(descriptor.rawValue, &byte, 1, offset)
    } > 0
  }

  /// Whether all pages of a region lie in the process's page tables, so that touching them is no fault: a read of /proc/self/pagemap.
  ///
  /// Throws ENOENT where there is no such file.
  func isPresent(_ region: ExtentRange) throws(Errno) -> Bool {
    let count = (region.byteCount + SystemPage.size - 1) / SystemPage.size
    var entries = [UInt64](repeating: 0, count: count)
    let first = unsafe UInt(bitPattern: region.start) / UInt(SystemPage.size)
    let byteCount = count * MemoryLayout<UInt64>.stride
    let read = try retrying(.pageMap) {
      unsafe entries.withUnsafeMutableBytes { buffer in
        unsafe smap_read_page_map(buffer.baseAddress!, byteCount, Int64(first) * 8)
      }
    }
    // Bit 63 says that a page is there.
    return read == byteCount && entries.allSatisfy { $0 >> 63 != 0 }
  }

  /// Fails where a test wants no thread to be had; the thread itself is pthread_create(3)'s.
  func willStartThread() throws(Errno) {
    if let fault = faults?.next(.startThread) { throw fault }
  }
}

/// The C functions that share a name with a method above.
private enum system {
  static func mmap(
    _ address: UnsafeMutableRawPointer?, _ byteCount: Int, _ protection: CInt, _ flags: CInt,
    _ descriptor: CInt, _ offset: off_t
  ) -> UnsafeMutableRawPointer? {
    #if canImport(Darwin)
      unsafe Darwin.mmap(address, byteCount, protection, flags, descriptor, offset)
    #else
      unsafe Glibc.mmap(address, byteCount, protection, flags, descriptor, offset)
    #endif
  }
}
