import Foundation
import MapProtocols
import Synchronization
import Testing

struct BlockingCallsTests {
  private final class Probe: Sendable {
    let inside = Atomic(0)
    let ended = Atomic(0)
    private let end = DispatchSemaphore(value: 0)

    func call() {
      inside.wrappingAdd(1, ordering: .sequentiallyConsistent)
      end.wait()
      end.signal()
      ended.wrappingAdd(1, ordering: .sequentiallyConsistent)
    }

    /// Lets calls end, those to come as well.
    func letEnd() { end.signal() }
  }

  /// One that hangs holds up no others.
  @Test func severalCallsRunAtATime() async throws {
    let calls = BlockingCalls()
    let (slow, quick) = (Probe(), Probe())
    let task = Task { try await calls.run { () throws(MapError) in slow.call() } }
    while slow.inside.load(ordering: .sequentiallyConsistent) == 0 { await Task.yield() }
    quick.letEnd()
    for _ in 0..<100 { try await calls.run { () throws(MapError) in quick.call() } }
    #expect(slow.ended.load(ordering: .sequentiallyConsistent) == 0)
    slow.letEnd()
    try await task.value
    calls.shutdown()
  }

  @Test func eachShutdownReturnsWhenAllHasEnded() async throws {
    let calls = BlockingCalls()
    let probe = Probe()
    let task = Task { try await calls.run { () throws(MapError) in probe.call() } }
    while probe.inside.load(ordering: .sequentiallyConsistent) == 0 { await Task.yield() }
    let early = Atomic(0)
    let (called, returned) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    for _ in 0..<3 {
      Thread {
        called.signal()
        calls.shutdown()
        let isEarly = probe.ended.load(ordering: .sequentiallyConsistent) == 0
        early.wrappingAdd(isEarly ? 1 : 0, ordering: .sequentiallyConsistent)
        returned.signal()
      }.start()
    }
    for _ in 0..<3 { wait(for: called) }
    probe.letEnd()
    for _ in 0..<3 { wait(for: returned) }
    #expect(early.load(ordering: .sequentiallyConsistent) == 0)
    try await task.value
    // What comes later is called at once.
    #expect(try await calls.run { () throws(MapError) in 7 } == 7)
  }

  @Test func aCallMayShutItDown() async throws {
    let calls = BlockingCalls()
    try await calls.run { () throws(MapError) in calls.shutdown() }
    calls.shutdown()
  }
}

private func wait(for semaphore: DispatchSemaphore) { semaphore.wait() }
