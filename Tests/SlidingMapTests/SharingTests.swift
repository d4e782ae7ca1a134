import SlidingMap
import Synchronization
import Testing

/// Windows are shared among readers, stay loaded, and leave when they are told to.
struct SharingTests {
  static let model = content(64 * 4096 + 100)

  @Test(arguments: Shape.small)
  func twoCursorsShareAWindow(_ shape: Shape) throws {
    let scratch = try Scratch()
    let maps = shape.manager()
    let path = try scratch.write("file", Self.model)
    var first = try maps.cursor(for: path)
    var second = try maps.cursor(for: path)
    try first.use(at: 10, count: 100)
    try second.use(at: 50, count: 1000)
    let (one, two) = (view(first), view(second))
    #expect(one == .of(Self.model, 10..<110) && two == .of(Self.model, 50..<1050))
    let statistics = maps.statistics
    #expect(statistics.counts.loads == 1 && statistics.pinned == 1 && statistics.files == 1)
    #expect(
      statistics.counts.hits == 1 && statistics.counts.misses == 1
        && statistics.counts.hitRatio == 0.5)
    #expect(scratch.maps == 1)
  }

  @Test func eightThreadsLoadAWindowOnce() throws {
    let scratch = try Scratch()
    let path = try scratch.write("file", Self.model)
    for _ in 0..<50 {
      let maps = SlidingWindowMapManager(windowSize: 4096)
      let gate = Gate(8)
      try onThreads(8) { _ in
        var cursor = try maps.cursor(for: path)
        gate.pass()
        for window in 0..<8 {
          try cursor.use(at: Int64(window * 4096), count: 4096)
          let shown = shows(cursor.bytes, Self.model, at: window * 4096)
          #expect(shown)
        }
      }
      let statistics = maps.statistics
      #expect(
        statistics.counts.loads == 8 && statistics.counts.misses == 8
          && statistics.usage.regions == 8)
      #expect(statistics.counts.hits == 56 && statistics.peak.maps == 1)
    }
  }

  /// The memory manager test of Python's smmap.
  @Test(arguments: [true, false])
  func randomAccessUnderTightLimits(_ isStatic: Bool) throws {
    let scratch = try Scratch()
    let model = content(4 << 20 | 5123)
    let path = try scratch.write("file", model)
    let window = model.count / 100 / 4096 * 4096
    let budget = FixedBudget.fixed(bytes: model.count / 3, handles: 15)
    let maps = Shape(windowSize: isStatic ? nil : window).manager(budget)
    var cursor = try maps.cursor(for: path)
    var dice = Dice(seed: 11)
    for _ in 0..<5000 {
      let offset = dice.draw(model.count)
      let count = dice.draw(2 * window)
      try cursor.use(at: Int64(offset), count: count)
      let isRight =
        shows(cursor.bytes, model, at: offset)
        && cursor.bytes.byteCount == min(count, model.count - offset)
      #expect(isRight)
    }
    cursor.release()
    let statistics = maps.statistics
    #expect(statistics.usage.bytes <= model.count / 3 && statistics.peak.handles == 1)
    if !isStatic {
      #expect(statistics.counts.overshoots == 0 && statistics.counts.evictions > 1000)
    }
  }

  @Test func collectUnloadsWhatNobodyUses() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(windowSize: 4096)
    var cursor = try maps.cursor(for: scratch.write("file", Self.model))
    for window in 0..<65 { try cursor.use(at: Int64(window * 4096)) }
    #expect(maps.statistics.usage.regions == 65)
    #expect(maps.collect() == 64)
    // The file has a cursor, so it keeps its descriptor.
    #expect(maps.statistics.usage.regions == 1 && maps.statistics.usage.handles == 1)
    #expect(maps.collect() == 0)
    let seen = view(cursor)
    #expect(seen == .of(Self.model, 64 * 4096..<Self.model.count))
    cursor.release()
    #expect(maps.collect() == 1 && maps.statistics.usage.bytes == 0)
    try cursor.use(at: 5, count: 10_000)
    let again = view(cursor)
    #expect(again == .of(Self.model, 5..<10_005))
    #expect(maps.statistics.counts.evictions == 65 && maps.statistics.counts.loads == 68)
  }

  @Test func unloadUnderTakesADirectorysFilesOnly() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(windowSize: 4096)
    var cursors: [String: Parcel] = [:]
    for name in ["a", "ab", "b"] {
      var cursor = try maps.cursor(for: scratch.write(name, Self.model))
      try cursor.use(at: 0, count: 3 * 4096)
      if name != "b" { cursor.release() }
      cursors[name] = Parcel(cursor)
    }
    #expect(maps.unload(under: scratch["c"]) == 0)
    #expect(maps.unload(under: scratch["a"]) == 3)
    #expect(maps.statistics.usage.regions == 6)
    #expect(maps.unload(under: scratch["b"]) == 0)
    #expect(maps.unload(under: scratch.path) == 3)
    #expect(maps.statistics.usage.regions == 3 && maps.statistics.pinned == 3)
    cursors["b"] = nil
    #expect(maps.unload(under: scratch.path) == 3)
    // Those with cursors stay open; the third went with its last window.
    #expect(maps.statistics.files == 2)
    cursors = [:]
    #expect(maps.statistics.files == 0 && scratch.maps == 0 && scratch.descriptors == 0)
  }

  @Test func aNewPolicyKeepsRegionsLoaded() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(budget: .fixed(regions: 20), windowSize: 4096)
    var cursor = try maps.cursor(for: scratch.write("file", Self.model))
    for window in 0..<20 { try cursor.use(at: Int64(window * 4096)) }
    for policy in everyPolicy + everyPolicy.reversed() {
      maps.setPolicy(policy)
      #expect(maps.statistics.policy == policy.name)
      for window in 0..<20 {
        try cursor.use(at: Int64(window * 4096), count: 4096)
        let shown = shows(cursor.bytes, Self.model, at: window * 4096)
        #expect(shown)
      }
      #expect(maps.statistics.counts.loads == 20 && maps.statistics.usage.regions == 20)
    }
    for policy in everyPolicy {
      maps.setPolicy(policy)
      let loads = maps.statistics.counts.loads
      for window in 0..<64 { try cursor.use(at: Int64(window * 4096)) }
      #expect(maps.statistics.usage.regions == 20 && maps.statistics.counts.loads >= loads + 44)
    }
  }

  @Test func policiesSwapWhileThreadsRead() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(budget: .fixed(regions: 12), windowSize: 4096)
    let path = try scratch.write("file", Self.model)
    let running = Atomic(3)
    try onThreads(4) { thread in
      if thread == 3 {
        var index = 0
        while running.load(ordering: .relaxed) > 0 {
          let policy = everyPolicy[index % everyPolicy.count]
          maps.setPolicy(policy)
          index += 1
        }
        return
      }
      defer { running.subtract(1, ordering: .relaxed) }
      var dice = Dice(seed: UInt64(thread))
      var cursor = try maps.cursor(for: path)
      for _ in 0..<5000 {
        let offset = dice.draw(Self.model.count)
        try cursor.use(at: Int64(offset), count: 5000)
        let shown = shows(cursor.bytes, Self.model, at: offset)
        #expect(shown)
      }
    }
    #expect(maps.statistics.pinned == 0 && maps.statistics.usage.regions <= 12)
  }
}
