public import Glibc

/// fork(2), which Swift hides; it is found by name. Call it where no other thread may be in Swift's runtime: the child would wait for its
/// locks for ever.
public func forkProcess() -> pid_t {
  typealias Fork = @convention(c) () -> pid_t
  let found = unsafe dlsym(nil, "fork")
  return unsafe unsafeBitCast(found, to: Fork.self)()
}

/// Waits for a child, and says whether it ended with 0.
public func endsWell(_ child: pid_t) -> Bool {
  var status: CInt = -1
  while unsafe waitpid(child, &status, 0) < 0, errno == EINTR {}
  return status == 0
}
