public import SystemPackage

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

extension FileStatus {
  /// What the system tells of an open file: for backends over files.
  ///
  /// statx(2), clock_gettime(2) before it, and fstatfs(2) for files that were written just now, or on file systems without a block device.
  /// The identity is made of device, inode and birth time, where there is one. The version is made of size, change and
  /// modification time; it is settled if the change time is more than a tick away from now, 10 ms or, where times have no fractions, 2 s;
  /// or if the kernel and file system give each change that somebody looked at a time of its own. A store through another's shared map
  /// changes no time until the page is written back. Of what is no regular file it tells the same: whether it has bytes at offsets, open(2)
  /// and a first read say.
  ///
  /// - Throws: `.openFailed` with errno.
  public init(of descriptor: FileDescriptor) throws(MapError) {
    self = try PlainCalls().status(of: descriptor)
  }

  /// Identity, version and size as statx(2) tells them.
  ///
  /// - Parameters:
  ///   - clock: what `changeClock` told before statx(2) was called. Read afterwards it may have gone on, and a write in between have the
  ///     change time that was seen.
  ///   - tellsEveryChange: asked where the file's change time is that of this moment; see `isSettled`.
  package init(_ found: SystemStatus, after clock: Int64?, tellsEveryChange: () -> Bool) {
    let changeTime = found.changeTime
    self.init(
      identity: found.identity,
      version: FileVersion(
        size: found.size, changeTime: changeTime, modificationTime: found.modificationTime),
      size: max(found.size, 0),
      isSettled: Self.isSettled(changeTime, clock) || Self.isFine(changeTime) && tellsEveryChange(),
      isAppendOnly: found.isAppendOnly, isAmbiguous: found.isAmbiguous)
  }

  /// The clock that gives files their change times, in nanoseconds; nil where it can't be read.
  package static func changeClock() -> Int64? {
    var now = timespec()
    #if os(Linux)
      // CLOCK_REALTIME_COARSE, which is the cheapest, too.
      let clock = clockid_t(5)
    #else
      let clock = CLOCK_REALTIME
    #endif
    return unsafe clock_gettime(clock, &now) == 0 ? nanoseconds(now) : nil
  }

  /// Whether a change time is more than a tick away from the clock's, either way, so that no later change gets the same.
  private static func isSettled(_ changeTime: Int64, _ clock: Int64?) -> Bool {
    guard let clock else { return false }
    return (clock &- changeTime).magnitude > (isFine(changeTime) ? tick : coarseTick)
  }

  /// Whether a time has fractions of a second; what FAT and some network file systems give has none.
  private static func isFine(_ time: Int64) -> Bool { time % 1_000_000_000 != 0 }

  /// The longest tick of Linux's clocks, at 100 Hz; and the coarsest times of file systems, FAT's 2 s.
  private static let tick: UInt64 = 10_000_000
  private static let coarseTick: UInt64 = 2_000_000_000

  private static func nanoseconds(_ time: timespec) -> Int64 {
    Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }
}
