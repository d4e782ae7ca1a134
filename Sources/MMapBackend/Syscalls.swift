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

  // MARK: Memory

  /// mmap(2) of the file's first `byteCount` bytes, read-only and shared, wherever the kernel likes.
  func map(
    _ descriptor: FileDescriptor, byteCount: Int
  ) throws(Errno) -> UnsafeMutableRawPointer {
    try unsafe mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor.rawValue)
  }

  /// The same over addresses of our own (MAP_FIXED), whose reservation it replaces.
  ///
  /// - Precondition: `byteCount` addresses from `base` lie in one `reserve`.
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
