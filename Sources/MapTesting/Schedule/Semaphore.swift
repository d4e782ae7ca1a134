#if Schedule
  internal import Glibc

  /// What a thread waits for while others have the turn: sem_wait(3).
  @safe
  final class Semaphore: @unchecked Sendable {
    private let semaphore: UnsafeMutablePointer<sem_t>

    init(_ count: UInt32 = 0) {
      unsafe semaphore = .allocate(capacity: 1)
      unsafe semaphore.initialize(to: sem_t())
      unsafe sem_init(semaphore, 0, count)
    }

    deinit {
      unsafe sem_destroy(semaphore)
      unsafe semaphore.deallocate()
    }

    func signal() { unsafe sem_post(semaphore) }
    func wait() { while unsafe sem_wait(semaphore) != 0 {} }
  }
#endif
