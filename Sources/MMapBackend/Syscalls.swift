internal import CMapShims
internal import MapProtocols
internal import SystemPackage

#if canImport(Darwin)
  internal import Darwin
#elseif canImport(Glibc)
  internal import Glibc
#endif

/// Every system call of this backend: one place for EINTR, for errno, and for the faults of tests.
///
/// The Darwin variants compile from the same source but were never run.
struct Syscalls: Sendable {
  /// Nil outside of tests.
  let faults: SyscallFaults?

  /// Makes a call again as long as signals interrupt it; -1 becomes the errno it left.
  private func retrying(_ call: Syscall, _ body: () -> Int) throws(Errno) -> Int {
    while true {
      if let fault = faults?.next(call) {
        if fault == .interrupted { continue }
        throw fault
      }
      let result = body()
      if result != -1 { return result }
      let error = Errno(rawValue: errno)
      if error != .interrupted { throw error }
    }
  }

  // MARK: Descriptors

  /// open(2) for reading. Hangs neither on a FIFO (O_NONBLOCK) nor on a terminal, which it does not adopt (O_NOCTTY).
  func open(_ path: FilePath) throws(Errno) -> FileDescriptor {
    let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
    let descriptor = try retrying(.open) {
      unsafe path.withPlatformString { unsafe Int(system.open($0, flags)) }
    }
    return FileDescriptor(rawValue: CInt(descriptor))
  }

  /// fcntl(2), F_DUPFD_CLOEXEC: the copy shares position and flags with the original, so neither is ever changed.
  func duplicate(_ descriptor: FileDescriptor) throws(Errno) -> FileDescriptor {
    let copy = try retrying(.duplicate) { Int(fcntl(descriptor.rawValue, F_DUPFD_CLOEXEC, 0)) }
    return FileDescriptor(rawValue: CInt(copy))
  }

  /// Whether bytes may be read from it: fcntl(2), F_GETFL. Throws EBADF where it was opened with O_PATH.
  func isReadable(_ descriptor: FileDescriptor) throws(Errno) -> Bool {
    let flags = CInt(try retrying(.flags) { Int(fcntl(descriptor.rawValue, F_GETFL)) })
    #if os(Linux)
      // O_PATH, which glibc's headers give only to _GNU_SOURCE.
      if flags & 0o10_000_000 != 0 { throw .badFileDescriptor }
    #endif
    return flags & O_ACCMODE != O_WRONLY
  }

  /// stat(2).
  func stat(_ path: FilePath) throws(Errno) -> Stat {
    if let fault = faults?.next(.stat) { throw fault }
    return try Stat(path)
  }

  /// fstat(2).
  func stat(_ descriptor: FileDescriptor) throws(Errno) -> Stat {
    if let fault = faults?.next(.stat) { throw fault }
    return try Stat(descriptor)
  }

  /// Whether a read would return at once: poll(2) without waiting.
  func isReady(_ descriptor: FileDescriptor) throws(Errno) -> Bool {
    var request = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
    return try retrying(.poll) { unsafe Int(poll(&request, 1, 0)) } > 0
  }

  /// pread(2) of one byte: whether there is one at `offset`.
  func hasByte(_ descriptor: FileDescriptor, at offset: Int64) throws(Errno) -> Bool {
    var byte: UInt8 = 0
    return try retrying(.read) {
      unsafe pread(descriptor.rawValue, &byte, 1, off_t(offset))
    } > 0
  }

  /// close(2), once: after EINTR the descriptor is gone on Linux, and may be another thread's already.
  func close(_ descriptor: FileDescriptor) {
    _ = faults?.next(.close)
    _ = system.close(descriptor.rawValue)
  }

  // MARK: Memory

  /// mmap(2) of the file's first `byteCount` bytes, read-only and shared, wherever the kernel likes.
  func map(
    _ descriptor: FileDescriptor, byteCount: Int
  ) throws(Errno) -> UnsafeMutableRawPointer {
    try unsafe mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor.rawValue)
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

  /// mmap(2) of addresses without memory, which nobody else gets until `unmap`.
  func reserve(byteCount: Int) throws(Errno) -> UnsafeMutableRawPointer {
    #if canImport(Darwin)
      let flags = MAP_PRIVATE | MAP_ANON | MAP_NORESERVE
    #else
      let flags = MAP_PRIVATE | MAP_ANONYMOUS | CInt(MAP_NORESERVE)
    #endif
    return try unsafe mmap(nil, byteCount, PROT_NONE, flags, -1)
  }

  private func mmap(
    _ address: UnsafeMutableRawPointer?, _ byteCount: Int, _ protection: CInt, _ flags: CInt,
    _ descriptor: CInt
  ) throws(Errno) -> UnsafeMutableRawPointer {
    let base = try retrying(.mmap) {
      unsafe Int(bitPattern: system.mmap(address, byteCount, protection, flags, descriptor, 0))
    }
    guard let pointer = unsafe UnsafeMutableRawPointer(bitPattern: base) else {
      preconditionFailure("mmap gave address 0")
    }
    return unsafe pointer
  }

  /// munmap(2).
  ///
  /// - Precondition: nobody uses these addresses any more.
  @unsafe
  func unmap(_ base: UnsafeMutableRawPointer, byteCount: Int) {
    guard byteCount > 0 else { return }
    _ = try? retrying(.munmap) { unsafe Int(munmap(base, byteCount)) }
  }

  /// madvise(2), MADV_DONTNEED: the pages leave this process, and come back from the file when touched.
  ///
  /// On Darwin the kernel takes it as a hint.
  @unsafe
  func drop(_ base: UnsafeMutableRawPointer, byteCount: Int) {
    _ = try? retrying(.madvise) { unsafe Int(madvise(base, byteCount, MADV_DONTNEED)) }
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

  /// The size of a page in bytes: sysconf(3), _SC_PAGESIZE.
  static let pageSize = Int(sysconf(CInt(_SC_PAGESIZE)))

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

  /// pread(2) of one byte, if the page cache has it, never waiting for a disk: preadv2(2), RWF_NOWAIT. False past the end.
  ///
  /// Throws EAGAIN where it isn't there, EOPNOTSUPP where nobody can tell.
  func hasCachedByte(_ descriptor: FileDescriptor, at offset: Int64) throws(Errno) -> Bool {
    var byte: UInt8 = 0
    return try retrying(.readCached) {
      unsafe smap_read_cached(descriptor.rawValue, &byte, 1, offset)
    } > 0
  }

  /// Fails where a test wants no thread to be had; the thread itself is pthread_create(3)'s.
  func willStartThread() throws(Errno) {
    if let fault = faults?.next(.thread) { throw fault }
  }
}

extension FileStatus {
  /// Identity and generation as stat(2) tells them.
  init(_ stat: Stat) {
    self.init(
      identity: FileIdentity(
        device: UInt64(truncatingIfNeeded: stat.rawValue.st_dev),
        inode: UInt64(truncatingIfNeeded: stat.rawValue.st_ino)),
      generation: FileGeneration(
        size: stat.size, changeTime: Self.nanoseconds(stat.st_ctim),
        modificationTime: Self.nanoseconds(stat.st_mtim)))
  }

  private static func nanoseconds(_ time: timespec) -> Int64 {
    Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }
}

/// The C functions that share a name with a method above.
private enum system {
  static func open(_ path: UnsafePointer<CChar>, _ flags: CInt) -> CInt {
    #if canImport(Darwin)
      unsafe Darwin.open(path, flags)
    #else
      unsafe Glibc.open(path, flags)
    #endif
  }

  static func close(_ descriptor: CInt) -> CInt {
    #if canImport(Darwin)
      Darwin.close(descriptor)
    #else
      Glibc.close(descriptor)
    #endif
  }

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
