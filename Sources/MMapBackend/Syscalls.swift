package import SystemPackage
import Synchronization

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Every system call of this backend, so that each is made, checked and made to fail in one place.
///
/// A call that is interrupted by a signal is made again. macOS is written for but untested.
package struct Syscalls: Sendable {
  /// The calls that tests can make fail.
  package enum Call: Hashable, Sendable { case open, status, map, advise }

  /// What a test wants to fail, and how often.
  package final class Faults: Sendable {
    private let planned = Mutex<[Call: (count: Int, errno: Errno)]>([:])

    package init() {}

    /// The next `count` calls fail with `errno`.
    package func fail(_ call: Call, _ errno: Errno, count: Int = 1) {
      planned.withLock { $0[call] = (count, errno) }
    }

    fileprivate func take(_ call: Call) -> Errno? {
      planned.withLock {
        guard let plan = $0[call], plan.count > 0 else { return nil }
        $0[call] = (plan.count - 1, plan.errno)
        return plan.errno
      }
    }
  }

  let faults: Faults?

  private func attempt<R: SignedInteger>(
    _ call: Call, _ body: () -> R
  ) -> Result<R, Errno> {
    if let errno = faults?.take(call) { return .failure(errno) }
    while true {
      let result = body()
      if result != -1 { return .success(result) }
      let number = errno
      if number != EINTR { return .failure(Errno(rawValue: number)) }
    }
  }

  // MARK: Files

  /// open(2), for reading. Not blocking, so that a FIFO without a writer does not hang; no controlling terminal.
  func open(_ path: FilePath) -> Result<Int32, Errno> {
    unsafe path.withPlatformString { path in
      attempt(.open) {
        #if canImport(Darwin)
          unsafe Darwin.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        #else
          unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        #endif
      }
    }
  }

  /// fcntl(2), F_DUPFD_CLOEXEC.
  func duplicate(_ descriptor: Int32) -> Result<Int32, Errno> {
    attempt(.open) { fcntl(descriptor, F_DUPFD_CLOEXEC, 0) }
  }

  /// Whether a descriptor may be read: fcntl(2), F_GETFL.
  func isReadable(_ descriptor: Int32) -> Bool {
    let flags = fcntl(descriptor, F_GETFL)
    return flags != -1 && flags & O_ACCMODE != O_WRONLY
  }

  /// close(2). An interrupted one has closed all the same.
  func close(_ descriptor: Int32) {
    #if canImport(Darwin)
      _ = Darwin.close(descriptor)
    #else
      _ = Glibc.close(descriptor)
    #endif
  }

  /// fstat(2).
  func status(of descriptor: Int32) -> Result<stat, Errno> {
    var status = stat()
    return attempt(.status) { unsafe fstat(descriptor, &status) }.map { _ in status }
  }

  /// stat(2), which follows links.
  func status(at path: FilePath) -> Result<stat, Errno> {
    var status = stat()
    return unsafe path.withPlatformString { path in
      attempt(.status) { unsafe stat(path, &status) }.map { _ in status }
    }
  }

  /// Whether a file has a first byte, whatever its size says: pread(2).
  func hasContent(_ descriptor: Int32) -> Bool {
    var byte: UInt8 = 0
    let count = unsafe pread(descriptor, &byte, 1, 0)
    return count == 1 || count == -1 && errno == EAGAIN
  }

  // MARK: Maps

  /// mmap(2): the file from its start, read-only and shared.
  func map(
    _ descriptor: Int32, _ byteCount: Int, at address: UnsafeMutableRawPointer? = nil
  ) -> Result<UnsafeMutableRawPointer, Errno> {
    if let errno = faults?.take(.map) { return unsafe .failure(errno) }
    let flags = unsafe MAP_SHARED | (address == nil ? 0 : MAP_FIXED)
    return unsafe mapping(mmap(address, byteCount, PROT_READ, flags, descriptor, 0))
  }

  /// mmap(2): addresses with nothing behind them.
  func reserve(_ byteCount: Int) -> Result<UnsafeMutableRawPointer, Errno> {
    #if canImport(Darwin)
      let flags = MAP_PRIVATE | MAP_ANON
    #else
      let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    #endif
    return unsafe mapping(mmap(nil, byteCount, PROT_NONE, flags, -1, 0))
  }

  private func mapping(
    _ address: UnsafeMutableRawPointer?
  ) -> Result<UnsafeMutableRawPointer, Errno> {
    if let address = unsafe address, unsafe address != MAP_FAILED {
      return unsafe .success(address)
    }
    return unsafe .failure(Errno(rawValue: errno))
  }

  /// munmap(2).
  func unmap(_ address: UnsafeMutableRawPointer, _ byteCount: Int) {
    _ = unsafe munmap(address, byteCount)
  }

  /// madvise(2).
  @discardableResult
  func advise(_ address: UnsafeMutableRawPointer, _ byteCount: Int, _ advice: Advice) -> Errno? {
    guard let code = advice.code else { return nil }
    if case .failure(let errno) = attempt(.advise, { unsafe madvise(address, byteCount, code) }) {
      return errno
    }
    return nil
  }

  /// What madvise is asked for; a case without a code is no system call on this platform.
  enum Advice {
    case dontNeed, populate, noHugePages, normal, random, sequential, willNeed

    var code: Int32? {
      switch self {
      case .dontNeed: Int32(MADV_DONTNEED)
      case .normal: Int32(MADV_NORMAL)
      case .random: Int32(MADV_RANDOM)
      case .sequential: Int32(MADV_SEQUENTIAL)
      case .willNeed: Int32(MADV_WILLNEED)
      #if canImport(Darwin)
        case .populate, .noHugePages: nil
      #else
        // MADV_POPULATE_READ, since Linux 5.14; the C library's headers may be older than the kernel.
        case .populate: 22
        case .noHugePages: Int32(MADV_NOHUGEPAGE)
      #endif
      }
    }
  }
}
