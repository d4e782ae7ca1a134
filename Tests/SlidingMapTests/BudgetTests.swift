import MapTesting
import SlidingMap
import Testing

/// Usage stays within limits where it can, and comes back where it could not.
struct BudgetTests {
  static let model = content(64 * 4096)

  @Test(arguments: [1, 2, 5, 16])
  func usageStaysWithinTheBudget(_ windows: Int) throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(budget: .fixed(bytes: windows * 4096), windowSize: 4096)
    var cursor = try maps.cursor(for: scratch.write("file", Self.model))
    var dice = Dice(seed: 3)
    for _ in 0..<1000 {
      let offset = dice.draw(64) * 4096
      try cursor.use(at: Int64(offset), count: 4096)
      let shown = shows(cursor.bytes, Self.model, at: offset)
      #expect(shown && maps.statistics.usage.bytes <= windows * 4096)
    }
    let statistics = maps.statistics
    #expect(statistics.counts.overshoots == 0 && statistics.peak.bytes == windows * 4096)
    #expect(statistics.counts.loads - statistics.counts.evictions == statistics.usage.regions)
    #expect(
      statistics.counts.hits + statistics.counts.misses <= 1000
        && statistics.counts.loads == statistics.counts.misses)
  }

  @Test func anOvershootIsCountedAndGoneAfterRelease() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(budget: .fixed(bytes: 3 * 4096), windowSize: 4096)
    var cursor = try maps.cursor(for: scratch.write("file", Self.model))
    try cursor.use(at: 0, count: 10 * 4096)
    let shown = shows(cursor.bytes, Self.model, at: 0)
    #expect(shown)
    var statistics = maps.statistics
    #expect(
      statistics.usage.bytes == 10 * 4096 && statistics.counts.overshoots == 7
        && statistics.pinned == 10)
    cursor.release()
    statistics = maps.statistics
    #expect(
      statistics.usage.bytes == 3 * 4096 && statistics.counts.overshoots == 7
        && statistics.pinned == 0)
    #expect(statistics.peak.bytes == 10 * 4096)
  }

  /// A cursor need not be released: moving on, ending, and being useless do as well.
  @Test(arguments: ["move", "past the end", "count 0", "end", "fail"])
  func anOvershootIsGoneWhateverEndsTheLease(_ end: String) throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(budget: .fixed(regions: 2), windowSize: 4096)
    var cursor: WindowCursor? = try maps.cursor(for: scratch.write("file", Self.model))
    try cursor!.use(at: 0, count: 20_000)
    #expect(maps.statistics.usage.regions == 5)
    switch end {
    case "move": try cursor!.use(at: 40_960, count: 1)
    case "past the end": _ = try cursor!.use(at: 1 << 30, count: 1)
    case "count 0": _ = try cursor!.use(at: 1 << 17, count: 0)
    case "fail":
      maps.shutdown()
      #expect(throws: MapError.self) { try cursor!.use(at: 1 << 17, count: 1) }
    default: cursor = nil
    }
    #expect(maps.statistics.usage.regions <= 2)
    // And within the budget the fast path opens again: no window is loaded twice.
    guard cursor != nil, end != "fail" else { return }
    let loads = maps.statistics.counts.loads
    for _ in 0..<10 { try cursor!.use(at: 40_960, count: 1) }
    #expect(maps.statistics.counts.loads <= loads + 1)
  }

  /// Used, not opened: a file that is read all the time keeps its handle.
  @Test func theLeastRecentlyUsedHandleIsClosed() throws {
    let scratch = try Scratch()
    let opened = Locked<[String]>([])
    let provider = FaultProvider(.pread) { call in
      if call.operation == .open, let name = call.source?.path?.lastComponent?.string {
        opened.withLock { $0.append(name) }
      }
      return nil
    }
    let maps = SlidingWindowMapManager(
      backend: provider, budget: .fixed(regions: 1, handles: 2), windowSize: 4096)
    let cursors = try ["a", "b", "c"].map {
      Held(try maps.cursor(for: scratch.write($0, content(20 * 4096))))
    }
    // Each access loads, as the budget holds one window.
    for (index, file) in [0, 1, 0, 2, 0, 1, 0, 2, 0, 1].enumerated() {
      try cursors[file].cursor.use(at: Int64(index * 4096), count: 1)
      cursors[file].cursor.release()
    }
    let reopened = opened.withLock { $0.dropFirst(3) }
    #expect(Array(reopened) == ["a", "b", "c", "b", "c", "b"])
    #expect(maps.statistics.peak.handles == 2)
  }

  @Test func whatOthersPinOvershootsToo() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(budget: .fixed(regions: 3), windowSize: 4096)
    let path = try scratch.write("file", Self.model)
    var cursors = Parcels()
    for window in 0..<8 {
      var cursor = try maps.cursor(for: path)
      try cursor.use(at: Int64(window * 4096))
      cursors.add(cursor)
    }
    var statistics = maps.statistics
    #expect(statistics.usage.regions == 8 && statistics.counts.overshoots == 5)
    for left in (0..<8).reversed() {
      cursors.removeLast()
      #expect(maps.statistics.usage.regions == max(left, 3))
    }
    statistics = maps.statistics
    #expect(statistics.pinned == 0 && statistics.usage.regions == 3)
  }

  @Test func aFileLargerThanTheBudgetIsServedWhole() throws {
    let scratch = try Scratch()
    let maps = StaticWindowMapManager(budget: .fixed(bytes: 100 << 10))
    var cursor = try maps.cursor(for: scratch.write("file", Self.model))
    try cursor.use(at: 0)
    let shown = shows(cursor.bytes, Self.model, at: 0)
    let byteCount = cursor.bytes.byteCount
    #expect(shown && byteCount == Self.model.count)
    #expect(maps.statistics.counts.overshoots == 1)
    cursor.release()
    let statistics = maps.statistics
    #expect(statistics.usage.bytes == 0 && statistics.usage.regions == 0)
  }

  @Test func bytesCountInWholePages() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(budget: .fixed(bytes: 10 * 4096))
    for index in 0..<30 {
      var cursor = try maps.cursor(for: scratch.write("\(index)", [UInt8(index)]))
      try cursor.use(at: 0)
      let seen = view(cursor)
      #expect(seen.bytes == [UInt8(index)])
      #expect(maps.statistics.usage.bytes == min(index + 1, 10) * 4096)
    }
    #expect(maps.statistics.counts.overshoots == 0)
  }

  /// Policies that divide what fits need to know how many regions that is.
  @Test func policiesLearnHowManyFit() throws {
    let scratch = try Scratch()
    for index in 0..<30 { try scratch.write("\(index)", content(8192, seed: 1)) }
    let capacities = Locked<[Int]>([])
    let whole = StaticWindowMapManager(
      policy: Listening(capacities), budget: .fixed(bytes: 20 * 8192))
    try readAll(whole, scratch, 0..<30)
    #expect(capacities.withLock { $0.last } == 20)
    #expect(whole.statistics.usage.regions == 20)

    capacities.withLock { $0 = [] }
    let sliding = SlidingWindowMapManager(
      policy: Listening(capacities), budget: .fixed(bytes: 20 * 8192, regions: 15),
      windowSize: 4096)
    try readAll(sliding, scratch, 0..<30)
    #expect(capacities.withLock { $0 } == [15], "windows of the usual size change nothing")

    capacities.withLock { $0 = [] }
    let wide = SlidingWindowMapManager(
      policy: Listening(capacities), budget: .fixed(bytes: 20 << 20), windowSize: 1 << 20)
    // One small file is no reason yet, sixteen are.
    try readAll(wide, scratch, 0..<15)
    #expect(capacities.withLock { $0 } == [20])
    try readAll(wide, scratch, 15..<16)
    #expect(capacities.withLock { $0 } == [20, 20 << 20 / 8192])
  }

  private func readAll(_ maps: MapManager, _ scratch: Scratch, _ files: Range<Int>) throws {
    for index in files {
      var cursor = try maps.cursor(for: scratch["\(index)"])
      try cursor.use(at: 0, count: 8192)
    }
  }

  /// Growth makes a loaded window larger.
  @Test func growthIsCharged() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(budget: .fixed(bytes: 65536), windowSize: 65536)
    for name in ["a", "b"] {
      var cursor = try maps.cursor(for: scratch.write(name, content(8 * 4096)))
      try cursor.use(at: 0)
    }
    #expect(maps.statistics.usage.bytes == 65536)
    try scratch.append("b", content(8 * 4096))
    var cursor = try maps.cursor(for: scratch["b"])
    #expect(maps.statistics.usage.bytes <= 65536)
    try cursor.use(at: 0)
    #expect(maps.statistics.usage.bytes == 65536 && maps.statistics.counts.overshoots == 0)
  }

  @Test func twoHundredFilesOverFourHandles() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(budget: .fixed(handles: 4), windowSize: 4096)
    try readAll(maps, scratch)
    #expect(maps.statistics.peak.handles <= 4)
  }

  @Test func twoHundredFilesOverEightMaps() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(budget: .fixed(maps: 8), windowSize: 4096)
    try readAll(maps, scratch)
    #expect(maps.statistics.peak.maps <= 8 && maps.statistics.counts.overshoots == 0)
  }

  @Test func twoHundredFilesOverFewOfAll() throws {
    let scratch = try Scratch()
    let maps = StaticWindowMapManager(budget: .fixed(regions: 2, maps: 2, handles: 2))
    try readAll(maps, scratch)
    let statistics = maps.statistics
    #expect(
      statistics.peak.maps <= 2 && statistics.peak.handles <= 2 && statistics.peak.regions <= 2)
  }

  /// All cursors live, and read again and again in different orders.
  private func readAll(_ maps: MapManager, _ scratch: Scratch) throws {
    let files = try (0..<200).map { index in
      let model = content(5000 + index, seed: UInt64(index))
      return (model: model, path: try scratch.write("\(index)", model))
    }
    var cursors: [Parcel] = []
    for file in files { cursors.append(Parcel(try maps.cursor(for: file.path))) }
    for round in 1...3 {
      for step in 0..<200 {
        let index = step * 71 * round % 200
        var cursor = cursors[index].open()
        try cursor.use(at: 4000, count: 5000)
        let shown = shows(cursor.bytes, files[index].model, at: 4000)
        let byteCount = cursor.bytes.byteCount
        #expect(shown && byteCount == 1000 + index)
        cursor.release()
        cursors[index].close(cursor)
      }
    }
    #expect(maps.statistics.cursors == 200 && maps.statistics.pinned == 0)
    cursors = []
    maps.collect()
    #expect(scratch.descriptors == 0 && scratch.maps == 0)
  }

  @Test func copiesDoNotMakeRegionsLarger() throws {
    let scratch = try Scratch()
    let fault = Shortage()
    let capacities = Locked<[Int]>([])
    let maps = SlidingWindowMapManager(
      backend: fault.provider(), policy: Listening(capacities), budget: .fixed(bytes: 1 << 20),
      windowSize: 1 << 16)
    var cursor = try maps.cursor(for: try scratch.write("mapped", content(1 << 20)))
    try cursor.use(at: 0, count: 1)
    fault.addresses = true
    var copied = try maps.cursor(for: try scratch.write("copied", content(1 << 20)))
    try copied.use(at: 0, count: 120_000)
    #expect(maps.statistics.counts.copies == 1)
    try cursor.use(at: 1 << 16, count: 1)
    cursor.release()
    maps.collect()
    try cursor.use(at: 0, count: 1)
    #expect(capacities.withLock { $0 } == [16])
  }

  /// Policies that remember what left would forget it each time.
  @Test func aLargeFileNowAndThenChangesNoCapacity() throws {
    let small = content(4096)
    var files: [FilePath: [UInt8]] = ["/large": content(60 * 4096)]
    for index in 0..<100 { files[FilePath("/\(index)")] = small }
    let capacities = Locked<[Int]>([])
    let maps = StaticWindowMapManager(
      backend: MemoryProvider(files), policy: Listening(capacities),
      budget: .fixed(bytes: 64 * 4096))
    func use(_ path: FilePath) throws {
      var cursor = try maps.cursor(for: path)
      try cursor.use(at: 0, count: 1)
    }
    for round in 0..<3 {
      for index in 0..<70 { try use(FilePath("/\((70 * round + index) % 100)")) }
      try use("/large")
      #expect(maps.statistics.usage.regions <= 5)
    }
    #expect(capacities.withLock { $0 } == [1, 64])
    // But if that is what files are like now it is told.
    for index in 0..<100 { maps.unload(under: FilePath("/\(index)")) }
    for _ in 0..<16 {
      maps.collect()
      try use("/large")
    }
    #expect(capacities.withLock { $0 } == [1, 64, 1])
  }

  /// Eight threads that open files at once must get along with four handles and three maps.
  @Test func threadsShareFewHandlesAndMaps() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(
      budget: .fixed(regions: 20, maps: 9, handles: 4), windowSize: 4096)
    let files = try (0..<30).map { index in
      let model = content(9000 + index, seed: UInt64(index))
      return (model: model, path: try scratch.write("\(index)", model))
    }
    try onThreads(8) { thread in
      var dice = Dice(seed: UInt64(thread))
      for _ in 0..<300 {
        let file = files[dice.draw(30)]
        var cursor = try maps.cursor(for: file.path)
        let offset = dice.draw(9000)
        try cursor.use(at: Int64(offset))
        let shown = shows(cursor.bytes, file.model, at: offset)
        #expect(shown)
      }
    }
    let statistics = maps.statistics
    #expect(statistics.peak.handles <= 4 && statistics.peak.maps <= 9 && statistics.pinned == 0)
  }
}

/// Cursors in a row.
struct Parcels {
  private var parcels: [Parcel] = []
  mutating func add(_ cursor: consuming sending WindowCursor) { parcels.append(Parcel(cursor)) }
  mutating func removeLast() { parcels.removeLast() }
}

/// A policy that tells a test how much it was told fits.
private struct Listening: EvictionPolicy {
  let capacities: Locked<[Int]>
  private var fifo = FIFO()

  init(_ capacities: Locked<[Int]>) { self.capacities = capacities }

  var name: String { "listening" }
  var hits: HitReporting { .none }
  mutating func setCapacity(_ capacity: PolicyCapacity) {
    capacities.withLock { $0.append(capacity.regions) }
  }
  mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) { fifo.insert(slot, region) }
  mutating func victim(_ references: ReferenceTable) -> RegionSlot? { fifo.victim(references) }
  mutating func pinned(_ slot: RegionSlot) { fifo.pinned(slot) }
  mutating func remove(_ slot: RegionSlot, evicted: Bool) { fifo.remove(slot, evicted: evicted) }
  func evictionOrder() -> [RegionSlot] { fifo.evictionOrder() }
}
