import MapTesting
import SlidingMap
import SystemPackage
import Testing

/// What a walk over a file's windows reads ahead, and who may take its room.
struct WalkTests {
  private static let path = FilePath("/memory/file")
  private static let model = content(40 * 4096 + 77)
  private static let policies: [any EvictionPolicy] = [
    LRU(), FIFO(), CLOCK(), SIEVE(), LFU(), LFUDA(), S3FIFO(), TwoQ(), ARC(), TinyLFU(),
    RandomReplacement(seed: 3),
  ]

  private func maps(
    windows: Int, _ policy: some EvictionPolicy = LRU(),
    _ provider: some RegionProvider = MemoryProvider([path: model])
  ) -> MapManager {
    SlidingWindowMapManager(
      backend: provider, policy: policy, budget: .fixed(bytes: windows * 4096), windowSize: 4096)
  }

  @Test(arguments: policies, [4, 16])
  func `Nothing that was read ahead leaves unread`(
    policy: any EvictionPolicy, windows: Int
  ) async throws {
    let maps = maps(windows: windows, policy)
    var seen: [UInt8] = []
    for try await window in maps.windows(of: Self.path, readAhead: 8) {
      seen += window.withBytes { array($0) }
    }
    #expect(seen == Self.model)
    #expect(maps.statistics.counts.loads == 41)
    #expect(maps.statistics.peak.bytes <= windows * 4096)
  }

  @Test func `Others find no victim among what was read ahead`() async throws {
    let maps = maps(windows: 8)
    var walk = maps.windows(of: Self.path, readAhead: 3).makeAsyncIterator()
    _ = try await walk.next()
    while maps.statistics.inFlight > 0 { await Task.yield() }
    var cursor = try maps.cursor(for: Self.path)
    for window in 10..<30 { try cursor.use(at: Int64(window) * 4096, count: 1) }
    let before = maps.statistics.counts.loads
    for window in 1..<4 { try cursor.use(at: Int64(window) * 4096, count: 1) }
    #expect(maps.statistics.counts.loads == before)
    // What is only read ahead does not drive it out either.
    try maps.prefetch(Self.path, ranges: [20 * 4096..<40 * 4096])
    while maps.statistics.inFlight > 0 { await Task.yield() }
    for window in 1..<4 { try cursor.use(at: Int64(window) * 4096, count: 1) }
    #expect(maps.statistics.counts.loads <= before + 4)
  }

  @Test(arguments: [false, true])
  func `Who needs all of the room has it`(awaits: Bool) async throws {
    let maps = maps(windows: 8)
    var walk = maps.windows(of: Self.path, readAhead: 4).makeAsyncIterator()
    _ = try await walk.next()
    let held = Held(try maps.cursor(for: Self.path))
    if awaits {
      try await held.cursor.lease(at: 20 * 4096, count: 8 * 4096)
    } else {
      try held.cursor.use(at: 20 * 4096, count: 8 * 4096)
    }
    #expect(view(held.cursor) == .of(Self.model, 20 * 4096..<28 * 4096))
    #expect(maps.statistics.pinned == 8)
    held.cursor.release()
    // The walk reads again what it lost.
    var next = 4096
    while let window = try await walk.next() {
      let isRight = window.withBytes { shows($0, Self.model, at: next) }
      #expect(isRight && window.range.lowerBound == Int64(next))
      next += window.range.count
    }
    #expect(next == Self.model.count)
  }

  @Test func `A walk that stands still keeps nothing from the end`() async throws {
    let maps = maps(windows: 8)
    var walk = maps.windows(of: Self.path, readAhead: 4).makeAsyncIterator()
    _ = try await walk.next()
    #expect(maps.statistics.pinned == 0)
    maps.shutdown()
    #expect(maps.statistics.usage.regions == 0)
    await #expect(throws: MapError.self) { try await walk.next() }
  }

  @Test func `A walk that ends leaves nothing`() async throws {
    let maps = maps(windows: 8)
    do {
      var walk = maps.windows(of: Self.path, readAhead: 4).makeAsyncIterator()
      _ = try await walk.next()
      while maps.statistics.inFlight > 0 { await Task.yield() }
      maps.collect()
      #expect(maps.statistics.usage.regions == 0)
    }
    maps.collect()
    #expect(maps.statistics.usage.regions == 0 && maps.statistics.cursors == 0)
  }

  /// In the file's present edition.
  @Test func `What is read ahead of a file that changed is kept as well`() async throws {
    let scratch = try Scratch()
    let (first, second) = (content(40 * 4096), content(40 * 4096, seed: 5))
    let path = try scratch.write("file", first)
    let maps = SlidingWindowMapManager(
      backend: .pread, budget: .fixed(bytes: 8 * 4096), windowSize: 4096)
    var walk = maps.windows(of: path, readAhead: 4).makeAsyncIterator()
    // So that the file goes on in an edition of its own.
    let kept = try await walk.next()
    while maps.statistics.inFlight > 0 { await Task.yield() }
    try scratch.write("file", second)
    var next = 1
    while let window = try await walk.next() {
      let isOld = window.withBytes { shows($0, first, at: next * 4096) }
      let isNew = window.withBytes { shows($0, second, at: next * 4096) }
      #expect(isOld || isNew)
      next += 1
    }
    #expect(next == 40)
    #expect(maps.statistics.counts.loads <= 46)
    let isKept = kept?.withBytes { shows($0, first, at: 0) }
    #expect(isKept == true)
  }

  @Test func `Several walks share half of the budget`() async throws {
    let maps = maps(windows: 16)
    var walks = (0..<3).map { _ in maps.windows(of: Self.path, readAhead: 4).makeAsyncIterator() }
    for _ in 0..<41 {
      for index in walks.indices {
        let window = try await walks[index].next()
        #expect(window != nil)
      }
    }
    #expect(maps.statistics.counts.loads == 41)
  }

  @Test func `Mapped windows are mapped while the one before is read`() async throws {
    let scratch = try Scratch()
    let model = content(16 << 16)
    let path = try scratch.write("file", model)
    let maps = SlidingWindowMapManager(
      backend: .mmap, budget: .fixed(bytes: 8 << 16), windowSize: 1 << 16)
    var (next, misses) = (0, [Int]())
    for try await window in maps.windows(of: path, readAhead: 3) {
      let isRight = window.withBytes { shows($0, model, at: next) }
      #expect(isRight)
      next += window.range.count
      misses.append(maps.statistics.counts.misses)
    }
    #expect(next == model.count)
    #expect(misses == (1...16).map { min($0 + 1, 16) })
  }
}
