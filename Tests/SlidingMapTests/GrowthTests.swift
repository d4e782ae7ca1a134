import MapTesting
import SlidingMap
import Synchronization
import SystemPackage
import Testing

/// Files that others write to while they are opened and read.
struct GrowthTests {
  @Test(arguments: Shape.small, [10_000, 100_000, 4_000_000])
  func growthIsSeenByNewCursorsAndRefresh(_ shape: Shape, _ added: Int) throws {
    let scratch = try Scratch()
    let maps = shape.manager()
    let whole = content(40_000 + added)
    let path = try scratch.write("file", Array(whole[..<40_000]))
    var cursor = try maps.cursor(for: path)
    var held = try maps.cursor(for: path)
    try held.use(at: 39_000)
    try scratch.append("file", whole[40_000...])

    let past = try cursor.use(at: 40_000)
    #expect(!past)
    try cursor.use(at: 39_000, count: 5000)
    let before = view(cursor)
    #expect(before == .of(whole, 39_000..<40_000))

    try cursor.refresh()
    let size = cursor.fileSize
    #expect(size == Int64(whole.count))
    for offset in [39_000, 40_000, whole.count - 5000] {
      try cursor.use(at: Int64(offset), count: 5000)
      let after = view(cursor)
      #expect(after == .of(whole, offset..<offset + 5000))
    }
    var fresh = try maps.cursor(for: path)
    try fresh.use(at: Int64(whole.count - 10), count: 100)
    let end = view(fresh)
    #expect(end == .of(whole, whole.count - 10..<whole.count))
    let kept = view(held)
    #expect(kept.range.lowerBound == 39_000 && kept.bytes == Array(whole[39_000..<40_000]))
  }

  /// A file's last window becomes larger without being loaded: what is over the budget then leaves at once.
  @Test(arguments: [true, false])
  func growthKeepsTheBudget(_ byRefresh: Bool) throws {
    let scratch = try Scratch()
    let window = 65_536
    let path = try scratch.write("file", content(4096))
    let other = try scratch.write("other", content(window))
    let limit = 36_864 + window
    let maps = SlidingWindowMapManager(
      backend: .mmap, budget: .fixed(bytes: limit), windowSize: window)
    var old = try maps.cursor(for: path)
    // More than the first map has room for: new cursors share another.
    try scratch.append("file", content(95_904))
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 70_000, count: 1)
    cursor.release()
    var filler = try maps.cursor(for: other)
    try filler.use(at: 0, count: 1)
    filler.release()
    #expect(maps.statistics.usage.bytes == limit)
    try scratch.append("file", content(10_000))
    if byRefresh { try old.refresh() } else { old = try maps.cursor(for: path) }
    #expect(old.fileSize == 110_000)
    let statistics = maps.statistics
    #expect(
      statistics.usage.bytes <= limit && statistics.peak.bytes <= limit
        && statistics.counts.overshoots == 0)
  }

  /// Those that stayed loaded when the file was cut short, too.
  @Test func windowsThatGrowAgainAreCharged() throws {
    let scratch = try Scratch()
    let window = 65_536
    let maps = SlidingWindowMapManager(backend: .mmap, windowSize: window)
    let path = try scratch.write("file", content(2 * window + 5000))
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: Int64(2 * window), count: 1)
    cursor.release()
    try scratch.resize("file", to: Int64(window + 5000))
    try cursor.refresh()
    try cursor.use(at: Int64(window), count: 1)
    cursor.release()
    try scratch.resize("file", to: 100)
    try cursor.refresh()
    #expect(maps.statistics.usage.bytes == 8192 + 8192)
    try scratch.append("file", content(2 * window))
    try cursor.refresh()
    #expect(maps.statistics.usage.bytes == window + 8192)
    try scratch.append("file", content(20_000))
    try cursor.refresh()
    #expect(maps.statistics.usage.bytes == window + 20_480)
  }

  /// A file that only a descriptor led to keeps its handle until a path leads there as well, for all its cursors, those from before it
  /// grew among them.
  @Test func aPathServesTheFileOfADescriptor() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(
      backend: .pread, budget: .fixed(handles: 1), windowSize: 4096)
    let model = content(20_000)
    let path = try scratch.write("file", model)
    let other = try scratch.write("other", [1])
    let descriptor = try FileDescriptor.open(path, .readOnly)
    var old = try maps.cursor(for: descriptor)
    try descriptor.close()
    try old.use(at: 0, count: 1)
    let error = mapError { _ = try maps.cursor(for: other) }
    #expect(error?.code == .handlesExhausted)
    do {
      var next = old.copy()
      try scratch.append("file", content(1 << 20))
      try next.refresh()
      let byPath = try maps.cursor(for: path)
      _ = try maps.cursor(for: other)
      #expect(byPath.fileSize == next.fileSize)
    }
    try old.use(at: 8192, count: 100)
    let seen = view(old)
    #expect(seen == .of(model, 8192..<8292))
  }

  /// Though others take its descriptor away between the steps of opening it.
  @Test func aFileThatIsWrittenToCanBeOpened() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(
      backend: .pread, budget: .fixed(handles: 1), windowSize: 4096)
    let path = try scratch.write("written", [1])
    let others = try (0..<2).map { try scratch.write("other \($0)", [1]) }
    let openers = 4
    let ended = Atomic<Int>(0)
    try onThreads(2 * openers + 1) { thread in
      if thread < openers {
        defer { ended.add(1, ordering: .releasing) }
        for _ in 0..<500 { _ = try maps.cursor(for: path) }
      }
      while ended.load(ordering: .acquiring) < openers {
        if thread < 2 * openers {
          for other in others { _ = try maps.cursor(for: other) }
        } else {
          try scratch.append("written", [1])
        }
      }
    }
  }

  /// What a cursor loads after a change is the file as it is then, also where it is read in copies; what it knew of stays to be
  /// had without a refresh.
  @Test(arguments: BackendKind.allCases, [false, true])
  func aChangeFailsNoReader(_ kind: BackendKind, _ isWrittenInPlace: Bool) async throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(backend: try kind.make(), windowSize: 4096)
    var model = content(60_000)
    let path = try scratch.write("file", model)
    let held = Held(try maps.cursor(for: path))
    try held.cursor.use(at: 0, count: 5000)
    if isWrittenInPlace {
      model = content(60_000, seed: 2)
      try scratch.write("file", model)
    } else {
      try scratch.append("file", content(100))
    }
    // A copy that is used stays as it is.
    held.cursor.release()
    for offset in [20_000, 55_000, 0] {
      try await held.cursor.ready(at: Int64(offset), count: 5000)
      let bytes = try held.cursor.withBytes(at: Int64(offset), count: 5000) { array($0) }
      let isRight = bytes == Array(model[offset..<offset + 5000])
      #expect(isRight, "at \(offset)")
    }
    #expect(held.cursor.fileSize == 60_000)
  }

  /// Where addresses are short an extent has no room for growth. A file that grows while its extent is being made, and is opened
  /// again at that moment, is served by another one.
  @Test(arguments: BackendKind.allCases)
  func aFileMayGrowWhileItsExtentIsMade(_ kind: BackendKind) throws {
    let scratch = try Scratch()
    let whole = content((1 << 20) + 50_000)
    let path = try scratch.write("file", Array(whole[..<(1 << 20)]))
    let maps = Locked<SlidingWindowMapManager?>(nil)
    let isGrown = Locked(false)
    func wrap(_ base: some RegionProvider) -> any RegionProvider {
      FaultProvider(base) { call in
        let isFirst =
          call.operation == .makeExtent
          && isGrown.withLock { isGrown in
            defer { isGrown = true }
            return !isGrown
          }
        if !isFirst { return nil }
        do {
          try scratch.append("file", whole[(1 << 20)...])
          let maps = maps.withLock { $0 }
          try onThreads(1) { _ in _ = try maps?.cursor(for: path) }
        } catch {
          return MapError(.openFailed)
        }
        return nil
      }
    }
    let manager = SlidingWindowMapManager(
      backend: wrap(try kind.make()), budget: .fixed(addresses: (1 << 20) + 65_536),
      windowSize: 65_536)
    maps.withLock { $0 = manager }
    var cursor = try manager.cursor(for: path)
    try cursor.use(at: 0, count: 1)
    try cursor.refresh()
    try cursor.use(at: 1 << 20, count: 32)
    let seen = view(cursor)
    #expect(seen == .of(whole, 1 << 20..<(1 << 20) + 32))
    #expect(isGrown.withLock { $0 })
    // The manager keeps its provider, which knows of it here.
    maps.withLock { $0 = nil }
  }

  /// Also beyond what was reserved for it.
  @Test(arguments: [100, 1 << 20])
  func refreshSeesThatAnEmptyFileWasFilled(_ size: Int) throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(windowSize: 4096)
    var cursor = try maps.cursor(for: scratch.write("empty", []))
    let model = content(size)
    try scratch.append("empty", model)
    try cursor.refresh()
    try cursor.use(at: 0, count: size)
    let seen = view(cursor)
    #expect(seen == .of(model, 0..<size))
  }

  /// An empty file has no map. When its descriptor went to another file nothing tells whether what lies under its path is the
  /// same one filled, or another that got its number.
  @Test(arguments: BackendKind.allCases, [false, true])
  func anEmptyFileIsNotTakenForAnother(_ kind: BackendKind, _ isFilled: Bool) throws {
    let scratch = try Scratch()
    let backend = try kind.make()
    func manager(_ backend: some RegionProvider) -> MapManager {
      SlidingWindowMapManager(backend: backend, budget: .fixed(handles: 1), windowSize: 4096)
    }
    let maps = manager(backend)
    var cursor = try maps.cursor(for: scratch.write("empty", []))
    let other = try maps.cursor(for: scratch.write("other", [1]))
    if !isFilled { try scratch.remove("empty") }
    let model = content(100)
    if isFilled { try scratch.append("empty", model) } else { try scratch.write("empty", model) }
    let error = mapError { try cursor.refresh() }
    let isValid = mapError { try cursor.use(at: 0, count: 100) } == nil && cursor.isValid
    #expect(error?.code == .fileChanged && !isValid)
    var fresh = try maps.cursor(for: scratch["empty"])
    try fresh.use(at: 0, count: 100)
    let seen = view(fresh)
    #expect(seen == .of(model, 0..<100))
    _ = other.fileSize
  }

  /// The lease of a last window reaches further after growth.
  @Test func refreshWidensTheLease() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(windowSize: 65536)
    let whole = content(60_000)
    var cursor = try maps.cursor(for: scratch.write("file", Array(whole[..<50_000])))
    try cursor.use(at: 49_000)
    try scratch.append("file", whole[50_000...])
    try cursor.refresh()
    try cursor.use(at: 55_000)
    let seen = view(cursor)
    #expect(seen == .of(whole, 55_000..<60_000))
    #expect(maps.statistics.counts.loads == 1 && maps.statistics.usage.bytes == 61_440)
  }

  @Test(arguments: Shape.small, [100, 1_000_000])
  func anEmptyFileThatGrows(_ shape: Shape, _ added: Int) throws {
    let scratch = try Scratch()
    let maps = shape.manager()
    let whole = content(added)
    var cursor = try maps.cursor(for: scratch.write("file", []))
    try scratch.append("file", whole)
    let before = try cursor.use(at: 0)
    #expect(!before)
    try cursor.refresh()
    try cursor.use(at: 50, count: 5000)
    let seen = view(cursor)
    #expect(seen == .of(whole, 50..<min(added, 5050)))
  }

  /// The head of a log is read while somebody writes to its end all the time.
  @Test(arguments: BackendKind.allCases)
  func anAppenderFailsNoReader(_ kind: BackendKind) throws {
    let scratch = try Scratch()
    let model = content(4 << 20)
    let path = try scratch.write("log", model)
    let log = try FileDescriptor.open(path, .writeOnly, options: .append)
    defer { try? log.close() }
    let maps = SlidingWindowMapManager(
      backend: try kind.make(), budget: .fixed(bytes: 64 << 20), windowSize: 2 << 20)
    let isOver = Locked(false)
    let line = content(100, seed: 2)
    try onThreads(2) { thread in
      if thread == 1 {
        while !isOver.withLock({ $0 }) { _ = try log.writeAll(line) }
        return
      }
      defer { isOver.withLock { $0 = true } }
      for _ in 0..<200 {
        var cursor = try maps.cursor(for: path)
        try cursor.use(at: 0, count: 65_536)
        let isRight = shows(cursor.bytes, model, at: 0)
        #expect(isRight)
        // The newest end that it knows.
        let end = cursor.fileSize
        let tail = try cursor.withBytes(at: end - 50, count: 50) { array($0) }
        #expect(tail.count == 50)
      }
    }
  }
}
