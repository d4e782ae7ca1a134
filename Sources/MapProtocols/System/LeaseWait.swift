#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// The pauses of who wants to open a file on which another process holds a write lease (fcntl(2), F_SETLEASE): with O_NONBLOCK open(2) fails
/// with EAGAIN, and the kernel asks the holder to give the lease up, for which it has /proc/sys/fs/lease-break-time, 45 s.
package struct LeaseWait: ~Copyable {
  private var waited: UInt32 = 0
  private var pause: UInt32 = 500

  package init() {}

  /// In microseconds, a little more than the kernel lets a holder have.
  private static let most: UInt32 = 60_000_000

  /// Waits, blocking the calling thread, a moment that grows to 50 ms; false once that was long enough.
  package mutating func wait() -> Bool {
    if waited >= Self.most { return false }
    usleep(pause)
    waited += pause
    pause = min(pause * 2, 50_000)
    return true
  }
}
