import Foundation
import SlidingMap
import Synchronization
import SystemPackage
import Testing

/// Providers and policies from outside, made with what is public.
struct MemoryProviderTests {
  static let model = content(40 * 4096 + 77)
  static let path = FilePath("/memory/file")

  @Test(arguments: Shape.small)
  func servesBothManagers(_ shape: Shape) throws {
    let provider = MemoryProvider([Self.path: Self.model, "/memory/empty": []])
    do {
      let maps = shape.manager(.fixed(bytes: 1 << 20), policy: SampleFIFO(), backend: provider)
      var cursor = try maps.cursor(for: Self.path)
      for offset in [0, 5000, 100_000, 3, 163_000] {
        try cursor.use(at: Int64(offset), count: 20_000)
        let seen = view(cursor)
        #expect(seen == .of(Self.model, offset..<min(offset + 20_000, Self.model.count)))
      }
      var empty = try maps.cursor(for: "/memory/empty")
      let used = try empty.use(at: 0)
      #expect(!used)
      let statistics = maps.statistics
      #expect(statistics.backend == "memory" && statistics.policy == "sample")
      #expect(statistics.counts.loads == provider.loads)
      let missing = mapError { _ = try maps.cursor(for: "/memory/missing") }
      #expect(missing?.errno == .noSuchFileOrDirectory)
    }
    #expect(provider.isShutDown && provider.openHandles == 0 && provider.extents == 0)
  }

  /// Unloaded memory is overwritten, so a pin that does not hold shows.
  @Test(arguments: everyPolicy.indices)
  func noReaderSeesUnloadedMemory(_ policy: Int) throws {
    let provider = MemoryProvider([Self.path: Self.model])
    let policy = everyPolicy[policy]
    let maps = SlidingWindowMapManager(
      backend: provider, policy: policy, budget: .fixed(regions: 12), windowSize: 4096)
    try onThreads(4) { thread in
      var dice = Dice(seed: UInt64(thread))
      var cursor = try maps.cursor(for: Self.path)
      for round in 0..<2000 {
        let offset = dice.draw(Self.model.count)
        try cursor.use(at: Int64(offset), count: dice.draw(6000))
        let shown = shows(cursor.bytes, Self.model, at: offset)
        #expect(shown)
        if round % 50 == 0 {
          let copy = cursor.copy()
          cursor.release()
          maps.collect()
          let kept = shows(copy.bytes, Self.model, at: offset)
          #expect(kept)
        }
      }
    }
    let statistics = maps.statistics
    #expect(
      statistics.peak.regions <= 12 && statistics.pinned == 0 && statistics.counts.overshoots == 0)
    #expect(
      statistics.counts.loads == provider.loads && statistics.counts.evictions == provider.unloads)
  }

  @Test func anonymousMemoryIsAHardBudget() throws {
    let provider = MemoryProvider([Self.path: Self.model])
    let maps = SlidingWindowMapManager(
      backend: provider, budget: .fixed(regions: 3), windowSize: 4096)
    var cursor = try maps.cursor(for: Self.path)
    let error = mapError { try cursor.use(at: 0, count: 4 * 4096) }
    #expect(error?.code == .budgetExhausted)
    try cursor.use(at: 0, count: 3 * 4096)
    #expect(maps.statistics.counts.overshoots == 0)
  }

  /// Windows of two generations are never joined: a new cursor gets the new content, an old one keeps what it has.
  @Test func aWriteIsSeenByNewCursors() throws {
    let provider = MemoryProvider([Self.path: Self.model])
    let maps = SlidingWindowMapManager(backend: provider, windowSize: 4096)
    var cursor = try maps.cursor(for: Self.path)
    try cursor.use(at: 0, count: 100)
    let changed = content(50_000, seed: 9)
    provider[Self.path] = changed
    var fresh = try maps.cursor(for: Self.path)
    try fresh.use(at: 0, count: 50_000)
    let (one, two) = (view(cursor), view(fresh))
    #expect(one == .of(Self.model, 0..<100) && two == .of(changed, 0..<50_000))
    try cursor.refresh()
    try cursor.use(at: 0, count: 50_000)
    let refreshed = view(cursor)
    #expect(refreshed == .of(changed, 0..<50_000))
  }

  /// Clocks are set back, and file systems report another's time.
  @Test func aChangeIsOneWhicheverWayTheTimeWent() throws {
    let provider = MemoryProvider([Self.path: Self.model], step: -1)
    let maps = SlidingWindowMapManager(backend: provider, windowSize: 4096)
    var cursor = try maps.cursor(for: Self.path)
    try cursor.use(at: 0, count: 100)
    cursor.release()
    for count in [50_000, 50_000, 60_000] {
      let changed = content(count, seed: UInt64(provider.loads))
      provider[Self.path] = changed
      var fresh = try maps.cursor(for: Self.path)
      try fresh.use(at: 0, count: count)
      try cursor.refresh()
      try cursor.use(at: 0, count: count)
      let (one, two) = (view(cursor), view(fresh))
      #expect(one == .of(changed, 0..<count) && two == .of(changed, 0..<count))
    }
  }

  /// An older look that arrives later than a newer one is made again.
  @Test(arguments: [1, -1] as [Int64], [false, true])
  func aLookThatOverlappedAnotherIsMadeAgain(_ step: Int64, _ isNew: Bool) throws {
    let meanwhile = Locked<(@Sendable () throws -> Void)?>(nil)
    let provider = MemoryProvider([Self.path: Self.model], step: step) { _ in
      nil
    } afterLook: { _ in
      try meanwhile.withLock { $0.take() }?()
    }
    let maps = SlidingWindowMapManager(backend: provider, windowSize: 4096)
    let (one, two) = (
      Held(try maps.cursor(for: Self.path)), Held(try maps.cursor(for: Self.path))
    )
    provider[Self.path] = content(170_000, seed: 2)
    meanwhile.withLock {
      $0 = {
        provider[Self.path] = content(180_000, seed: 3)
        try two.cursor.refresh()
      }
    }
    if isNew { one.cursor = try maps.cursor(for: Self.path) } else { try one.cursor.refresh() }
    #expect(one.cursor.fileSize == 180_000 && two.cursor.fileSize == 180_000)
    #expect(try maps.cursor(for: Self.path).fileSize == 180_000)
  }

  /// What was read of a changed file is in no budget, so its memory must go.
  @Test func readsOfAChangedFileLeaveNoMemory() async throws {
    let provider = MemoryProvider([Self.path: Self.model])
    let maps = SlidingWindowMapManager(backend: provider, windowSize: 4096)
    var cursor = try maps.cursor(for: Self.path)
    provider[Self.path] = content(50_000, seed: 9)
    try cursor.use(at: 0, count: 9000)
    // Read, found to be of another version, and read again.
    #expect(provider.loads == 6 && provider.unloads == 3)
    provider[Self.path] = content(50_000, seed: 10)
    try await cursor.ready(at: 20_480, count: 9000)
    while maps.statistics.inFlight > 0 { await Task.yield() }
    #expect(provider.loads > 6)
    cursor.release()
    maps.collect()
    #expect(provider.unloads == provider.loads && maps.statistics.usage.bytes == 0)
  }

  @Test func aFailedLoadReachesAllWhoWaitAndALaterOneSucceeds() throws {
    let isBroken = Atomic(true)
    let blocks = DispatchSemaphore(value: 0)
    let started = DispatchSemaphore(value: 0)
    let provider = MemoryProvider([Self.path: Self.model]) { load in
      guard load.offset == 8192, isBroken.load(ordering: .relaxed) else { return nil }
      started.signal()
      blocks.wait()
      return MapError(.readFailed, errno: .ioError)
    }
    let maps = SlidingWindowMapManager(backend: provider, windowSize: 4096)
    let watcher = Watcher()
    try onThreads(5) { thread in
      if thread == 4 {
        // One thread loads. The others may come before the failure and wait for it, or after it and try themselves.
        started.wait()
        for _ in 0..<4 { blocks.signal() }
        return
      }
      var cursor = try maps.cursor(for: Self.path)
      do throws(MapError) {
        try cursor.use(at: 5000, count: 10_000)
      } catch {
        watcher.note(error)
      }
      let seen = view(cursor)
      #expect(seen == .none)
    }
    #expect(watcher.count == 4)
    var statistics = maps.statistics
    #expect(statistics.pinned == 0 && (1...4).contains(statistics.counts.failedLoads))
    isBroken.store(false, ordering: .relaxed)
    var cursor = try maps.cursor(for: Self.path)
    try cursor.use(at: 5000, count: 10_000)
    let seen = view(cursor)
    #expect(seen == .of(Self.model, 5000..<15_000))
    statistics = maps.statistics
    #expect(statistics.usage.regions == statistics.counts.loads - statistics.counts.evictions)
  }

  /// A load that takes long: seven who come meanwhile wait for it, and none loads again.
  @Test func concurrentFirstUsesLoadOnce() throws {
    let blocks = DispatchSemaphore(value: 0)
    let started = DispatchSemaphore(value: 0)
    let provider = MemoryProvider([Self.path: Self.model]) { _ in
      started.signal()
      blocks.wait()
      return nil
    }
    let maps = SlidingWindowMapManager(backend: provider, windowSize: 4096)
    try onThreads(9) { thread in
      if thread == 8 {
        // All eight have their cursors by then.
        started.wait()
        while maps.statistics.cursors < 8 { sched_yield() }
        blocks.signal()
        return
      }
      var cursor = try maps.cursor(for: Self.path)
      try cursor.use(at: 4096, count: 4096)
      let seen = view(cursor)
      #expect(seen == .of(Self.model, 4096..<8192))
    }
    #expect(
      provider.loads == 1 && maps.statistics.counts.loads == 1 && maps.statistics.counts.misses == 1
    )
  }
}

/// Counts errors, and checks that each is the one expected.
final class Watcher: Sendable {
  private let noted = Mutex(0)
  func note(_ error: MapError) {
    #expect(error.code == .readFailed && error.errno == .ioError && error.range == 5000..<15_000)
    noted.withLock { $0 += 1 }
  }
  var count: Int { noted.withLock { $0 } }
}
