internal import CMapShims
package import SystemPackage

#if canImport(Darwin)
  internal import Darwin
#elseif canImport(Glibc)
  internal import Glibc
#endif

/// The system calls that backends share: one place for EINTR, for errno, and for the faults of tests. Each backend adds
/// its own.
///
/// The Darwin variants compile from the same source but were never run.
package protocol SystemCalls: Sendable {
  /// Nil outside of tests.
  var faults: SyscallFaults? { get }
  /// Where paths begin, and whether they may end at a symbolic link.
  var paths: PathResolution { get }
}

extension SystemCalls {
  /// As open(2) has it.
  package var paths: PathResolution { .ordinary }

  /// Makes a call again as long as signals interrupt it; -1 becomes the errno it left.
  package func retrying(_ call: Syscall, _ body: () -> Int) throws(Errno) -> Int {
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

  /// openat(2) for reading. Hangs neither on a FIFO (O_NONBLOCK) nor on a terminal, which it does not adopt (O_NOCTTY).
  package func open(_ path: FilePath) throws(Errno) -> FileDescriptor {
    let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | paths.openFlags
    let descriptor = try retrying(.open) {
      unsafe path.withPlatformString { unsafe Int(system.open(paths.directory, $0, flags)) }
    }
    return FileDescriptor(rawValue: CInt(descriptor))
  }

  /// fcntl(2), F_DUPFD_CLOEXEC: the copy shares position and flags with the original, so neither is ever changed.
  package func duplicate(_ descriptor: FileDescriptor) throws(Errno) -> FileDescriptor {
    let copy = try retrying(.duplicate) { Int(fcntl(descriptor.rawValue, F_DUPFD_CLOEXEC, 0)) }
    return FileDescriptor(rawValue: CInt(copy))
  }

  /// How it was opened: fcntl(2), F_GETFL.
  package func flags(of descriptor: FileDescriptor) throws(Errno) -> CInt {
    CInt(try retrying(.flags) { Int(fcntl(descriptor.rawValue, F_GETFL)) })
  }

  /// Whether bytes may be read from it. Throws EBADF where it was opened with O_PATH.
  package func isReadable(_ descriptor: FileDescriptor) throws(Errno) -> Bool {
    let flags = try flags(of: descriptor)
    #if os(Linux)
      // O_PATH, which glibc's headers give only to _GNU_SOURCE.
      if flags & 0o10_000_000 != 0 { throw .badFileDescriptor }
    #endif
    return flags & O_ACCMODE != O_WRONLY
  }

  /// Whether a change of this file shows in its times however soon it follows another: the kernel gives a change that comes after a look
  /// at the times, within the same tick, a finer time of its own. Linux 6.13 and later, where the file system takes part; statfs(2), which
  /// knows ordinary paths alone.
  func tellsEveryChange(_ path: FilePath) -> Bool {
    if !paths.isOrdinary { return false }
    return unsafe path.withPlatformString { unsafe smap_has_fine_times(-1, $0) }
  }

  /// The same by fstatfs(2).
  func tellsEveryChange(_ descriptor: FileDescriptor) -> Bool {
    smap_has_fine_times(descriptor.rawValue, nil)
  }

  /// Whether a read would return at once: poll(2) without waiting.
  package func isReady(_ descriptor: FileDescriptor) throws(Errno) -> Bool {
    var request = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
    return try retrying(.poll) { unsafe Int(poll(&request, 1, 0)) } > 0
  }

  /// pread(2) of one byte: whether there is one at `offset`.
  package func hasByte(_ descriptor: FileDescriptor, at offset: Int64) throws(Errno) -> Bool {
    var byte: UInt8 = 0
    return try retrying(.read) {
      unsafe pread(descriptor.rawValue, &byte, 1, off_t(offset))
    } > 0
  }

  /// close(2), once: after EINTR the descriptor is gone on Linux, and may be another thread's already.
  package func close(_ descriptor: FileDescriptor) {
    _ = faults?.next(.close)
    _ = system.close(descriptor.rawValue)
  }
}

/// The C functions that share a name with a method above.
private enum system {
  static func open(_ directory: CInt, _ path: UnsafePointer<CChar>, _ flags: CInt) -> CInt {
    #if canImport(Darwin)
      unsafe Darwin.openat(directory, path, flags)
    #else
      unsafe Glibc.openat(directory, path, flags)
    #endif
  }

  static func close(_ descriptor: CInt) -> CInt {
    #if canImport(Darwin)
      Darwin.close(descriptor)
    #else
      Glibc.close(descriptor)
    #endif
  }
}

/// System calls that no test makes fail.
struct PlainCalls: SystemCalls {
  var faults: SyscallFaults? { nil }
}
