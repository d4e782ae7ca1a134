internal import Synchronization
package import SystemPackage

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// A thread of the library's own, for work that must not be done on a thread of the caller's: pthread_create(3).
///
/// It blocks the signals that are sent to the process, so that handlers of the host's run elsewhere. Those that a thread brings
/// on itself by what it executes are left to the host's handlers: blocked ones would end the process without a word. Its owner
/// ends the work by its own means, then calls `join`.
@safe
package final class ServiceThread: @unchecked Sendable {
  private let thread: pthread_t
  private let life: Life

  /// Starts a thread that runs `body` once.
  ///
  /// - Throws: EAGAIN or ENOMEM where there is no room for another thread.
  package init(_ body: @escaping @Sendable () -> Void) throws(Errno) {
    let life = Life()
    self.life = life
    let work = Work(body, life)
    let pointer = unsafe Unmanaged.passRetained(work).toOpaque()
    var all = sigset_t()
    var old = sigset_t()
    unsafe sigfillset(&all)
    for own in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT] {
      unsafe sigdelset(&all, own)
    }
    // Inherited by the new thread.
    unsafe pthread_sigmask(SIG_SETMASK, &all, &old)
    #if canImport(Darwin)
      var started: pthread_t?
      let failure = unsafe pthread_create(&started, nil, { unsafe run($0) }, pointer)
    #else
      var started = pthread_t()
      let failure = unsafe pthread_create(&started, nil, { unsafe run($0!) }, pointer)
    #endif
    unsafe pthread_sigmask(SIG_SETMASK, &old, nil)
    if failure != 0 {
      unsafe Unmanaged<Work>.fromOpaque(pointer).release()
      throw Errno(rawValue: failure)
    }
    #if canImport(Darwin)
      unsafe thread = started!
    #else
      thread = started
    #endif
  }

  /// Waits for the thread's end; on the thread itself only lets go of it, and it ends when its body does. Call it once.
  package func join() {
    if isCurrent {
      pthread_detach(thread)
    } else {
      pthread_join(thread, nil)
    }
  }

  /// Whether the calling thread is this one. The system gives the name of one that has ended to another.
  package var isCurrent: Bool {
    !life.isOver.load(ordering: .acquiring) && pthread_equal(pthread_self(), thread) != 0
  }
}

private final class Life: Sendable {
  /// Set by the thread as the last thing it does, with release: whoever bears its name later began after that.
  let isOver = Atomic(false)
}

private final class Work: Sendable {
  let body: @Sendable () -> Void
  let life: Life

  init(_ body: @escaping @Sendable () -> Void, _ life: Life) {
    self.body = body
    self.life = life
  }
}

/// What the new thread does; `pointer` is a retained `Work`.
private func run(_ pointer: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
  let life = unsafe work(pointer)
  life.isOver.store(true, ordering: .releasing)
  return nil
}

/// Does the work and lets go of it. Not inlined, so that what the work held, which may be the last to hold the owner, is gone before the
/// thread says that it is over: an owner whose life ends here lets go of its thread instead of waiting for it.
@inline(never)
private func work(_ pointer: UnsafeMutableRawPointer) -> Life {
  let work = unsafe Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue()
  work.body()
  return work.life
}
