import Foundation
import MapTestSupport
import MapTesting
import SlidingMap
import SystemPackage
import Testing

/// Loads under way beside a budget that is full.
struct InFlightTests {
  static let path = FilePath("/memory/file")
  static let model = content(40 * 4096)

  private func maps(
    _ provider: some RegionProvider, windows: Int
  ) -> SlidingWindowMapManager {
    SlidingWindowMapManager(
      backend: provider, budget: .fixed(bytes: windows * 4096), windowSize: 4096)
  }

  @Test func `A use waits for what was prefetched rather than fail`() async throws {
    let gate = Gates()
    let provider = MemoryProvider([Self.path: Self.model]) { load in
      if load.offset < 4 * 4096 { gate.wait() }
      return nil
    }
    let maps = maps(provider, windows: 4)
    let held = Held(try maps.cursor(for: Self.path))
    try maps.prefetch(Self.path, ranges: [0..<4 * 4096])
    let misses = maps.statistics.counts.misses
    let used = Task.detached {
      try held.cursor.withBytes(at: 20 * 4096, count: 8000) { array($0) }
    }
    while maps.statistics.counts.misses == misses { await Task.yield() }
    gate.open()
    #expect(try await used.value == Array(Self.model[20 * 4096..<20 * 4096 + 8000]))
    held.cursor.release()
    #expect(maps.statistics.peak.bytes <= 4 * 4096)
  }

  @Test func `Readiness waits for what was prefetched rather than fail`() async throws {
    let gate = Gates()
    let provider = MemoryProvider([Self.path: Self.model]) { load in
      if load.offset < 4 * 4096 { gate.wait() }
      return nil
    }
    let maps = maps(provider, windows: 4)
    try maps.prefetch(Self.path, ranges: [0..<4 * 4096])
    let misses = maps.statistics.counts.misses
    let held = Held(try maps.cursor(for: Self.path))
    let ready = Task { try await held.cursor.ready(at: 20 * 4096, count: 8000) }
    while maps.statistics.counts.misses == misses { await Task.yield() }
    gate.open()
    try await ready.value
    let loads = maps.statistics.counts.loads
    try held.cursor.use(at: 20 * 4096, count: 8000)
    #expect(maps.statistics.counts.loads == loads)
    let code = await mapErrorOfTask { try await held.cursor.ready(at: 0, count: 5 * 4096) }?.code
    #expect(code == .budgetExhausted)
  }

  /// However often it has to come again until there is room.
  @Test func `A wait for room is one access`() async throws {
    let gate = Gates()
    let provider = MemoryProvider([Self.path: Self.model]) { load in
      if load.offset < 4 * 4096 { gate.wait() }
      return nil
    }
    let misses = Locked<[Int]>([])
    let maps = SlidingWindowMapManager(
      backend: provider, policy: MissKeeper(misses), budget: .fixed(bytes: 4 * 4096),
      windowSize: 4096)
    let scratch = try Scratch()
    let recording = try maps.recordTrace(to: scratch["trace"])
    try maps.prefetch(Self.path, ranges: [0..<4 * 4096])
    let held = Held(try maps.cursor(for: Self.path))
    let ready = Task { try await held.cursor.ready(at: 20 * 4096, count: 8000) }
    while maps.statistics.counts.misses < 5 { await Task.yield() }
    gate.open()
    try await ready.value
    #expect(maps.statistics.counts.misses == 6)
    #expect(misses.withLock { $0 } == [0, 1, 2, 3, 20, 21])
    try held.cursor.use(at: 20 * 4096, count: 8000)
    try recording.finish()
    var accesses: [Int] = []
    try TraceDecoder.read(scratch["trace"]) { accesses.append($0.window) }
    #expect(accesses == [0, 1, 2, 3, 20, 21, 20, 21])
  }

  @Test(arguments: [1, 2, 3, 5])
  func `Windows come in order under any budget`(windows: Int) async throws {
    let maps = maps(MemoryProvider([Self.path: Self.model]), windows: windows)
    var seen: [UInt8] = []
    for try await window in maps.windows(of: Self.path, readAhead: 4) {
      seen += window.withBytes { array($0) }
    }
    #expect(seen == Self.model)
    #expect(maps.statistics.peak.bytes <= windows * 4096)
  }

  /// Neither a hint nor a wait for bytes is a reason to overshoot: nothing is pinned.
  @Test func `Soft budgets are not overshot by what nobody uses yet`() async throws {
    let scratch = try Scratch()
    let model = content(40 * 4096)
    let path = try scratch.write("file", model)
    for provider in [MMapProvider(), MMapProvider(populate: true)] {
      for windowSize in [4096, 1 << 20] {
        let maps = SlidingWindowMapManager(
          backend: provider, budget: .fixed(bytes: 4 * 4096), windowSize: windowSize)
        try maps.prefetch(path, ranges: [0..<Int64(model.count)])
        var cursor = try maps.cursor(for: path)
        if windowSize == 4096 { try await cursor.ready(at: 0, count: model.count) }
        while maps.statistics.inFlight > 0 { await Task.yield() }
        #expect(maps.statistics.usage.bytes <= 4 * 4096 && maps.statistics.counts.overshoots == 0)
        try cursor.use(at: 0, count: model.count)
        let isRight = shows(cursor.bytes, model, at: 0)
        #expect(isRight)
      }
    }
  }

  @Test func `Ranges that overlap a thousand times cost no more than their windows`() throws {
    let model = content(2000 * 4096)
    let maps = maps(MemoryProvider([Self.path: model]), windows: 3000)
    try maps.prefetch(
      Self.path, ranges: Array(repeating: 0..<Int64(model.count), count: 1000))
    while maps.statistics.inFlight > 0 { sched_yield() }
    #expect(maps.statistics.counts.loads == 2000)
  }

  /// Emptying what a load brought in of its neighbours must not outlive their addresses.
  @Test func `An extent stays while its neighbours are trimmed`() async throws {
    let scratch = try Scratch()
    let path = try scratch.write("file", content(40 * 4096))
    let provider = SlowUnloader()
    let maps = maps(provider, windows: 8)
    var cursor: Held? = Held(try maps.cursor(for: path))
    let ready = Task { [held = cursor!] in try await held.cursor.ready(at: 0, count: 1) }
    provider.loading.open()
    while !provider.isUnloading { await Task.yield() }
    cursor = nil
    try await ready.value
    while maps.statistics.usage.regions > 0 {
      maps.collect()
      await Task.yield()
    }
    #expect(!provider.isReleased, "released while it was being emptied")
    provider.gate.open()
    while maps.statistics.inFlight > 0 { await Task.yield() }
    maps.collect()
    while maps.statistics.files > 0 {
      maps.collect()
      await Task.yield()
    }
    #expect(provider.isReleased && scratch.maps == 0)
  }

  /// The call that empties a window may be over, and the window not yet absent, when its pages are brought in.
  @Test(.enabled(if: ProcessResources.isAvailable))
  func `What is brought in of a window on its way out goes too`() async throws {
    let scratch = try Scratch()
    let path = try scratch.resize("file", to: 2 << 20)
    let provider = SlowUnloader(waitsAfterwards: true)
    let maps = SlidingWindowMapManager(
      backend: provider, budget: .fixed(regions: 1), windowSize: 1 << 20)
    let other = Held(try maps.cursor(for: path))
    let ready = Task { [held = Held(try maps.cursor(for: path))] in
      try await held.cursor.ready(at: 0, count: 1)
    }
    while maps.statistics.inFlight == 0 { await Task.yield() }
    let ended = Task.detached { try other.cursor.use(at: 1 << 20, count: 1) }
    while !provider.isUnloading { await Task.yield() }
    provider.loading.open()
    try await ready.value
    while maps.statistics.inFlight > 0 { await Task.yield() }
    provider.gate.open()
    #expect(try await ended.value && maps.statistics.usage.regions == 1)
    let isThere = try other.cursor.withBytes(at: 1 << 20, count: 1) { bytes in
      try unsafe bytes.withUnsafeBytes {
        try unsafe !ProcessResources.residentPages(
          from: $0.baseAddress! - (1 << 20), byteCount: 1
        ).isEmpty
      }
    }
    #expect(!isThere, "a window that is in no budget holds memory")
  }

  /// The same for a window that leaves while the maps run short: its file's goes only with it.
  @Test func `An extent stays while one of its windows is unloaded`() throws {
    let scratch = try Scratch()
    let paths = try ["first", "second", "third"].map { try scratch.resize($0, to: 2 << 20) }
    let provider = SlowUnloader(isArmed: false)
    let maps = SlidingWindowMapManager(
      backend: provider, budget: .fixed(regions: 2, maps: 2), windowSize: 1 << 20)
    do {
      var cursor = try maps.cursor(for: paths[0])
      for window in 0..<2 { try cursor.use(at: Int64(window) << 20, count: 1) }
    }
    let second = Held(try maps.cursor(for: paths[1]))
    provider.arm()
    let ended = DispatchSemaphore(value: 0)
    Thread {
      _ = try? second.cursor.use(at: 0, count: 1)
      ended.signal()
    }.start()
    // The first file's first window is on its way out, and the third file wants its map.
    while !provider.isUnloading { sched_yield() }
    let third = try maps.cursor(for: paths[2])
    #expect(!provider.isReleased, "released while it was being emptied")
    provider.gate.open()
    ended.wait()
    #expect(provider.isReleased && third.fileSize == 2 << 20)
  }

  /// A task that is told of a load's end may at once have the window unloaded, and another file's loaded in its place.
  @Test func `Only neighbours of what was loaded are emptied`() async throws {
    let scratch = try Scratch()
    let first = try scratch.write("first", content(40 * 4096))
    let second = try scratch.write("second", content(40 * 4096))
    let provider = SlowUnloader(isArmed: false)
    let maps = maps(provider, windows: 1)
    let other = Locked<Held?>(nil)
    let ready = Task(executorPreference: InlineExecutor()) {
      let held = Held(try maps.cursor(for: first))
      try await held.cursor.ready(at: 0, count: 1)
      let next = Held(try maps.cursor(for: second))
      for window in 0..<2 { try next.cursor.use(at: Int64(window) * 4096, count: 1) }
      other.withLock { $0 = next }
      provider.arm()
    }
    // It ran here until it had to wait.
    provider.loading.open()
    try await ready.value
    while maps.statistics.inFlight > 0 && !provider.isUnloading { await Task.yield() }
    if provider.isUnloading {
      other.withLock { $0 = nil }
      while maps.statistics.cursors > 0 { await Task.yield() }
      maps.collect()
      #expect(!provider.isReleased, "released while it was being emptied")
    }
    provider.gate.open()
    while maps.statistics.inFlight > 0 { await Task.yield() }
  }

  /// What a task only waits for is pinned by nobody, so that nobody's lease ends and takes it along.
  @Test(.serialized, arguments: [(4096, true), (4096, false), (1 << 16, false)])
  func `What was started while the manager was shut down goes`(
    windowSize: Int, isInMemory: Bool
  ) throws {
    let scratch = try Scratch()
    for round in 0..<100 {
      let provider: any RegionProvider =
        isInMemory ? MemoryProvider([Self.path: Self.model]) : MMapProvider()
      let path = isInMemory ? Self.path : try scratch.resize("file", to: 40 * Int64(windowSize))
      let maps = SlidingWindowMapManager(
        backend: provider, budget: .fixed(regions: 4), windowSize: windowSize)
      let starter = Starter(try maps.cursor(for: path), windowSize, seed: UInt64(round))
      while starter.count < 1 + round % 20 { sched_yield() }
      maps.shutdown()
      starter.stop()
      while maps.statistics.inFlight > 0 { sched_yield() }
      #expect(maps.statistics.usage.regions == 0)
      #expect(maps.statistics.usage.maps == 0 && maps.statistics.usage.handles == 0)
    }
  }

  /// Threads hold more than fits, a task asks for windows that nobody holds, which find room or not.
  @Test(.serialized, arguments: [4096, 1 << 16])
  func `A soft budget is overshot by what is in use and nothing else`(windowSize: Int) throws {
    let scratch = try Scratch()
    let path = try scratch.resize("file", to: 40 * Int64(windowSize))
    for round in 0..<20 {
      let maps = SlidingWindowMapManager(
        backend: MMapProvider(), budget: .fixed(regions: 4), windowSize: windowSize)
      let starter = Starter(try maps.cursor(for: path), windowSize, seed: UInt64(round))
      let held = try (0..<6).map { _ in Held(try maps.cursor(for: path)) }
      try onThreads(2) { thread in
        var dice = Dice(seed: UInt64(2 * round + thread))
        for _ in 0..<500 {
          let cursor = held[2 * dice.draw(3) + thread]
          if dice.draw(3) == 0 {
            cursor.cursor.release()
          } else {
            try cursor.cursor.use(
              at: Int64(dice.draw(38) * windowSize), count: (1 + dice.draw(2)) * windowSize)
          }
        }
      }
      starter.stop()
      while maps.statistics.inFlight > 0 { sched_yield() }
      let statistics = maps.statistics
      #expect(statistics.usage.regions <= max(statistics.pinned, 4))
      maps.shutdown()
      for cursor in held { cursor.cursor.release() }
      #expect(maps.statistics.usage.regions == 0)
    }
  }
}

/// FIFO that keeps the windows it was told were missed.
private struct MissKeeper: EvictionPolicy {
  private var base = FIFO()
  private let misses: Locked<[Int]>

  init(_ misses: Locked<[Int]>) { self.misses = misses }

  var name: String { "keeper" }
  var hits: HitReporting { base.hits }
  mutating func miss(_ key: RegionKey) { misses.withLock { $0.append(key.window) } }
  mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) { base.insert(slot, region) }
  mutating func victim(_ references: ReferenceTable) -> RegionSlot? { base.victim(references) }
  mutating func pinned(_ slot: RegionSlot) { base.pinned(slot) }
  mutating func remove(_ slot: RegionSlot, evicted: Bool) { base.remove(slot, evicted: evicted) }
  func evictionOrder() -> [RegionSlot] { base.evictionOrder() }
}

/// Runs jobs where they are handed over.
private final class InlineExecutor: TaskExecutor {
  func enqueue(_ job: consuming ExecutorJob) {
    unsafe job.runSynchronously(on: asUnownedTaskExecutor())
  }
}

/// Runs jobs one after the other, on a thread that waits for nobody.
private final class QueueExecutor: TaskExecutor {
  private let queue = DispatchQueue(label: "jobs")

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

func mapErrorOfTask(_ body: () async throws -> Void) async -> MapError? {
  do {
    try await body()
    return nil
  } catch { return error as? MapError }
}

/// A task that asks for windows at random, without using them, until it is stopped or refused.
private final class Starter: Sendable {
  private struct State {
    var count = 0
    var isStopped = false
    var isOver = false
  }
  private let state = Locked(State())
  /// Kept, so that nothing goes with it that should have gone before.
  private let held: Held

  init(_ cursor: consuming WindowCursor, _ windowSize: Int, seed: UInt64) {
    let held = Held(cursor)
    self.held = held
    // Not on the pool's threads, which other tests may block.
    Task(executorPreference: QueueExecutor()) { [state] in
      var dice = Dice(seed: seed)
      do {
        while !state.withLock({ $0.isStopped }) {
          state.withLock { $0.count += 1 }
          try await held.cursor.ready(
            at: Int64(dice.draw(37) * windowSize), count: (1 + dice.draw(3)) * windowSize)
        }
      } catch {}
      state.withLock {
        $0.count = .max
        $0.isOver = true
      }
    }
  }

  /// How often it asked.
  var count: Int { state.withLock { $0.count } }

  func stop() {
    state.withLock { $0.isStopped = true }
    while !state.withLock({ $0.isOver }) { sched_yield() }
  }
}
