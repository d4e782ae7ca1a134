#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// The pauses of who wants to open a file on which another process holds a write lease (fcntl(2), F_SETLEASE): with O_NONBLOCK open(2) fails
/// with EAGAIN, and the kernel asks the holder to give the lease up, for which it has /proc/sys/fs/lease-break-time, 45 s.
package struct LeaseWait: ~Copyable {
  private var end: ContinuousClock.Instant?
  private var pause: UInt32 = 500

  package init() {}

  /// Waits, blocking the calling thread, a moment that grows to 50 ms; false once that was a minute, longer than the kernel lets a holder
  /// have.
  package mutating func wait() -> Bool {
    let now = ContinuousClock.now
    let end = self.end ?? now + .seconds(60)
    self.end = end
    if now >= end { return false }
    usleep(pause)
    pause = min(pause * 2, 50_000)
    return true
  }
}
