internal import CMapShims
internal import CURing
internal import MapProtocols
internal import SystemPackage

#if canImport(Darwin)
  internal import Darwin
#elseif canImport(Glibc)
  internal import Glibc
#endif

/// The system calls that only this backend makes, save those on a ring that exists, which `Ring` makes; those on
/// descriptors it shares with others, as `SystemCalls`.
///
/// The Darwin variants compile from the same source but were never run.
struct Syscalls: SystemCalls {
  let faults: SyscallFaults?
  var paths: PathResolution
  /// Nil outside of tests.
  let completions: CompletionFaults?

  // MARK: Reading

  /// pread(2), once: bytes, or a negative errno, as a ring would give them.
  @unsafe
  func read(
    _ descriptor: Int32, into address: UnsafeMutableRawPointer, count: Int, at offset: Int64
  ) -> Int32 {
    do throws(Errno) {
      // What a 32-bit result can count.
      let count = min(count, 1 << 30)
      return Int32(
        try retrying(.read) { unsafe pread(descriptor, address, count, off_t(offset)) })
    } catch {
      return -error.rawValue
    }
  }

  /// Asks the disk for a range without waiting: posix_fadvise(2), POSIX_FADV_WILLNEED. A hint.
  func willNeed(_ descriptor: Int32, at offset: Int64, byteCount: Int) {
    #if os(Linux)
      _ = posix_fadvise(descriptor, off_t(offset), off_t(byteCount), POSIX_FADV_WILLNEED)
    #endif
  }

  // MARK: O_DIRECT

  #if os(Linux)
    // Which glibc's headers give only to _GNU_SOURCE.
    private static var direct: CInt { smap_ring_o_direct() }
  #else
    private static var direct: CInt { 0 }
  #endif

  /// Whether the descriptor reads past the page cache.
  func isDirect(_ descriptor: FileDescriptor) -> Bool {
    guard let flags = try? flags(of: descriptor) else { return false }
    return Self.direct != 0 && flags & Self.direct != 0
  }

  /// Has a descriptor of our own read past the page cache, or not: fcntl(2), F_SETFL.
  func setDirect(_ direct: Bool, _ descriptor: FileDescriptor) throws(Errno) {
    guard Self.direct != 0 else { throw .invalidArgument }
    _ = try retrying(.flags) { Int(fcntl(descriptor.rawValue, F_SETFL, direct ? Self.direct : 0)) }
  }

  // MARK: Rings

  /// io_uring_setup(2), with all options or not at all.
  func makeRing(entries: Int, options: Ring.Options) throws(Errno) -> Ring {
    if let fault = faults?.next(.ringSetup) { throw fault }
    return try Ring(entries: entries, options: options)
  }

  /// io_uring_register(2) of an empty table of files.
  func makeTable(of ring: Ring, slots: Int) throws(Errno) {
    if let fault = faults?.next(.ringRegister) { throw fault }
    try ring.makeTable(slots: slots)
  }

  /// fcntl(2), F_DUPFD_CLOEXEC, of a ring's descriptor.
  func holdPlace(_ ring: Ring) throws(Errno) -> FileDescriptor {
    if let fault = faults?.next(.duplicate) { throw fault }
    return try ring.holdPlace()
  }

  /// eventfd(2).
  func makeEvent() throws(Errno) -> FileDescriptor {
    if let fault = faults?.next(.eventDescriptor) { throw fault }
    let result = smap_ring_make_event()
    if result < 0 { throw Errno(rawValue: -result) }
    return FileDescriptor(rawValue: result)
  }

  /// write(2) to an eventfd: wakes who reads it.
  func signal(_ event: FileDescriptor) {
    var one: UInt64 = 1
    while unsafe write(event.rawValue, &one, 8) < 0, errno == EINTR {}
  }

  /// pthread_create(3).
  func startThread(_ body: @escaping @Sendable () -> Void) throws(Errno) -> ServiceThread {
    if let fault = faults?.next(.startThread) { throw fault }
    return try ServiceThread(body)
  }

  /// Gives the calling thread, and those that it starts later, a table of descriptors of their own, with the standard streams alone:
  /// close_range(2), CLOSE_RANGE_UNSHARE.
  func leaveDescriptors() throws(Errno) {
    _ = try retrying(.leaveDescriptors) { Int(smap_leave_descriptors()) }
  }

  /// The soft limit of descriptors: getrlimit(2), RLIMIT_NOFILE.
  static var descriptorLimit: Int {
    var limit = rlimit()
    #if os(Linux)
      let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
      let resource = RLIMIT_NOFILE
    #endif
    guard unsafe getrlimit(resource, &limit) == 0 else { return 0 }
    return Int(clamping: limit.rlim_cur)
  }
}
