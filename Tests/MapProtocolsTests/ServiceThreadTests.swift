import MapProtocols
import Synchronization
import Testing

struct ServiceThreadTests {
  /// Though the system gives its name to one that comes later.
  @Test func aThreadThatHasEndedIsNobody() throws {
    final class Count: Sendable {
      let value = Atomic(0)
    }
    let taken = Count()
    let over = try ServiceThread {}
    over.join()
    for _ in 0..<100 {
      let later = try ServiceThread {
        if over.isCurrent { taken.value.add(1, ordering: .relaxed) }
      }
      later.join()
    }
    #expect(taken.value.load(ordering: .relaxed) == 0)
  }

  @Test func aThreadKnowsItself() throws {
    final class Place: Sendable {
      let thread = Guarded<ServiceThread?>(nil)
      let isItself = Atomic(false)
    }
    let place = Place()
    let thread = place.thread.withLock { stored in
      // It waits for the lock first, so it finds itself.
      let thread = try? ServiceThread {
        let own = place.thread.withLock { $0 }
        place.isItself.store(own?.isCurrent == true, ordering: .releasing)
      }
      stored = thread
      return thread
    }
    try #require(thread).join()
    #expect(place.isItself.load(ordering: .acquiring) && thread?.isCurrent == false)
  }
}
