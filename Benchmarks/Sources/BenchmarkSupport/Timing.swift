public import Glibc

/// Nanoseconds of the monotonic clock; one reading costs some 25 ns.
@inlinable
@inline(__always)
public func nanoseconds() -> UInt64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
}

/// How long `body` takes, in seconds.
@inlinable
public func seconds(_ body: () throws -> Void) rethrows -> Double {
  let start = nanoseconds()
  try body()
  return Double(nanoseconds() - start) / 1e9
}

/// How long `body` keeps a processor busy on the calling thread, in seconds: for what never waits, on a machine that others
/// use, too.
@inlinable
public func processorSeconds(_ body: () throws -> Void) rethrows -> Double {
  let start = threadNanoseconds()
  try body()
  return Double(threadNanoseconds() - start) / 1e9
}

@usableFromInline
func threadNanoseconds() -> UInt64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
}
