import Foundation
import MapProtocols
import Synchronization
import Testing

struct BlockingCallsTests {
  private final class Probe: Sendable {
    let inside = Atomic(0)
    let ended = Atomic(0)
    let mayEnd = Atomic(false)

    func call() {
      inside.wrappingAdd(1, ordering: .sequentiallyConsistent)
      while !mayEnd.load(ordering: .sequentiallyConsistent) { usleep(100) }
      ended.wrappingAdd(1, ordering: .sequentiallyConsistent)
    }
  }

  /// One that hangs holds up no others.
  @Test func severalCallsRunAtATime() async throws {
    let calls = BlockingCalls()
    let (slow, quick) = (Probe(), Probe())
    let task = Task { try await calls.run { () throws(MapError) in slow.call() } }
    while slow.inside.load(ordering: .sequentiallyConsistent) == 0 { await Task.yield() }
    quick.mayEnd.store(true, ordering: .sequentiallyConsistent)
    for _ in 0..<100 { try await calls.run { () throws(MapError) in quick.call() } }
    #expect(slow.ended.load(ordering: .sequentiallyConsistent) == 0)
    slow.mayEnd.store(true, ordering: .sequentiallyConsistent)
    try await task.value
    calls.shutDown()
  }

  @Test func eachShutdownReturnsWhenAllHasEnded() async throws {
    let calls = BlockingCalls()
    let probe = Probe()
    let task = Task { try await calls.run { () throws(MapError) in probe.call() } }
    while probe.inside.load(ordering: .sequentiallyConsistent) == 0 { await Task.yield() }
    let early = Atomic(0)
    await withTaskGroup(of: Void.self) { group in
      let threads = (0..<3).map { _ in
        let done = DispatchSemaphore(value: 0)
        Thread {
          calls.shutDown()
          let isEarly = probe.ended.load(ordering: .sequentiallyConsistent) == 0
          early.wrappingAdd(isEarly ? 1 : 0, ordering: .sequentiallyConsistent)
          done.signal()
        }.start()
        return done
      }
      try? await Task.sleep(for: .milliseconds(30))
      probe.mayEnd.store(true, ordering: .sequentiallyConsistent)
      for thread in threads { group.addTask { wait(for: thread) } }
    }
    #expect(early.load(ordering: .sequentiallyConsistent) == 0)
    try await task.value
    // What comes later is called at once.
    #expect(try await calls.run { () throws(MapError) in 7 } == 7)
  }

  @Test func aCallMayShutItDown() async throws {
    let calls = BlockingCalls()
    try await calls.run { () throws(MapError) in calls.shutDown() }
    calls.shutDown()
  }
}

private func wait(for semaphore: DispatchSemaphore) { semaphore.wait() }
