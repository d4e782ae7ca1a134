import Glibc

/// Nanoseconds of the monotonic clock; one reading costs some 25 ns.
@inline(__always)
func nanoseconds() -> UInt64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
}

/// How long `body` takes, in seconds.
func seconds(_ body: () throws -> Void) rethrows -> Double {
  let start = nanoseconds()
  try body()
  return Double(nanoseconds() - start) / 1e9
}

/// How long `body` keeps a processor busy on the calling thread, in seconds: for what never waits, on a machine that others
/// use, too.
func processorSeconds(_ body: () throws -> Void) rethrows -> Double {
  let start = threadNanoseconds()
  try body()
  return Double(threadNanoseconds() - start) / 1e9
}

private func threadNanoseconds() -> UInt64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
}

/// Takes a value the optimizer must not see the end of, so that the work behind it is done.
@inline(never)
@_optimize(none)
func blackHole<T>(_ value: T) {}
