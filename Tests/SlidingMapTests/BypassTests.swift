import MapTesting
import SlidingMap
import Synchronization
import SystemPackage
import Testing

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Few bytes of windows that are seldom asked for, read past them while the budget is full.
struct BypassTests {
  private static let windowSize = 1 << 16
  private static let model = content(32 * windowSize + 1000)
  private let scratch: Scratch
  private let path: FilePath

  init() throws {
    scratch = try Scratch()
    path = try scratch.write("file", Self.model)
  }

  /// A manager that holds four windows, all of them taken by the file's first.
  private func fullManager(handles: Int = .max) throws -> SlidingWindowMapManager {
    let maps = SlidingWindowMapManager(
      budget: .fixed(bytes: 4 * Self.windowSize + 64 << 10, regions: 4, handles: handles),
      windowSize: Self.windowSize)
    var cursor = try maps.cursor(for: path)
    for window in 0..<5 { try cursor.use(at: Int64(window * Self.windowSize), count: 1) }
    return maps
  }

  private func offset(_ window: Int, _ place: Int = 0) -> Int64 {
    Int64(window * Self.windowSize + place)
  }

  /// What a use of these bytes of the file shows.
  private func shows(_ range: Range<Int64>) -> View {
    .of(Self.model, Int(range.lowerBound)..<Int(range.upperBound))
  }

  @Test func bytesAreRightAndWindowsStay() throws {
    let maps = try fullManager()
    let before = maps.statistics
    var cursor = try maps.cursor(for: path)
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      // Across windows as well, and to the end of the file.
      let start = Int64.random(in: offset(5)..<Int64(Self.model.count), using: &generator)
      let count = Int.random(in: 1...4096, using: &generator)
      try cursor.use(at: start, count: count)
      let end = min(start + Int64(count), Int64(Self.model.count))
      #expect(view(cursor) == shows(start..<end))
    }
    let statistics = maps.statistics
    #expect(statistics.counts.bypasses > 1000)
    #expect(
      statistics.usage.bytes <= 4 * Self.windowSize + 64 << 10 && statistics.counts.overshoots == 0)
    #expect(statistics.counts.misses - before.counts.misses < 500)
    cursor.release()
    #expect(maps.statistics.usage.bytes <= 4 * Self.windowSize)
  }

  @Test func whatIsAskedForOftenIsLoaded() throws {
    let maps = try fullManager()
    let misses = maps.statistics.counts.misses
    var cursor = try maps.cursor(for: path)
    for time in 1...7 {
      try cursor.use(at: offset(9, time * 5000), count: 10)
      try cursor.use(at: offset(10 + time), count: 10)
      #expect(maps.statistics.counts.bypasses == 2 * time && maps.statistics.pinned == 0)
    }
    try cursor.use(at: offset(9, 50_000), count: 10)
    #expect(maps.statistics.counts.misses == misses + 1 && maps.statistics.pinned == 1)
    #expect(view(cursor) == shows(offset(9, 50_000)..<offset(9, 50_010)))
    // Inside the lease from now on.
    try cursor.use(at: offset(9), count: Self.windowSize)
    #expect(maps.statistics.counts.bypasses == 14)
  }

  /// As at the end of a binary search.
  @Test func whatIsReadByOneInOnePlaceCountsLess() throws {
    let maps = try fullManager()
    let misses = maps.statistics.counts.misses
    var cursor = try maps.cursor(for: path)
    var reads = 0
    while maps.statistics.counts.misses == misses && reads < 1000 {
      try cursor.use(at: offset(9, reads % 16 * 4096), count: 10)
      reads += 1
    }
    #expect(reads == 101)
    // Others count at once.
    var other = try maps.cursor(for: path)
    for round in 0..<8 {
      try other.use(at: offset(20, round * 4096), count: 10)
      try other.use(at: offset(21, round * 4096), count: 10)
    }
    #expect(maps.statistics.counts.misses == misses + 3)
  }

  @Test func aWorkingSetThatFitsComesInAfterOthers() throws {
    let maps = try fullManager()
    var cursor = try maps.cursor(for: path)
    for round in 0..<400 {
      for window in 20..<24 {
        try cursor.use(at: offset(window, round * 17), count: 8)
      }
    }
    let misses = maps.statistics.counts.misses
    for window in 20..<24 { try cursor.use(at: offset(window), count: 8) }
    #expect(maps.statistics.counts.misses == misses && maps.statistics.counts.bypasses < 100)
  }

  @Test func largeRequestsAndSmallWindowsAreLoaded() throws {
    let maps = try fullManager()
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: offset(9), count: 4097)
    #expect(maps.statistics.counts.bypasses == 0)
    try cursor.use(at: offset(10), count: 4096)
    #expect(maps.statistics.counts.bypasses == 1)

    let small = SlidingWindowMapManager(budget: .fixed(regions: 2), windowSize: 1 << 15)
    var other = try small.cursor(for: path)
    for window in 0..<20 { try other.use(at: Int64(window << 15), count: 1) }
    #expect(small.statistics.counts.bypasses == 0 && small.statistics.counts.loads == 20)
  }

  @Test func roomEndsIt() throws {
    let maps = try fullManager()
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: offset(9), count: 1)
    #expect(maps.statistics.counts.bypasses == 1)
    maps.collect()
    try cursor.use(at: offset(10), count: 1)
    #expect(maps.statistics.counts.bypasses == 1 && maps.statistics.usage.regions == 1)
  }

  @Test func aCopyKeepsItsBytes() throws {
    let maps = try fullManager()
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: offset(9, 100), count: 50)
    let copy = cursor.copy()
    try cursor.use(at: offset(10, 100), count: 50)
    try cursor.use(at: offset(11, 100), count: 50)
    #expect(view(copy) == shows(offset(9, 100)..<offset(9, 150)))
    var third = copy.copy()
    try third.use(at: offset(12), count: 50)
    #expect(view(copy) == shows(offset(9, 100)..<offset(9, 150)))
    #expect(view(cursor) == shows(offset(11, 100)..<offset(11, 150)))
    #expect(maps.statistics.counts.bypasses == 4)
  }

  @Test func recordingsHaveEveryAccess() throws {
    let maps = try fullManager()
    let trace = scratch["trace"]
    let recording = try maps.recordTrace(to: trace)
    var cursor = try maps.cursor(for: path)
    let windows = [9, 3, 9, 10, 31, 4, 9]
    for window in windows { try cursor.use(at: offset(window), count: 8) }
    #expect(maps.statistics.counts.bypasses >= 5)
    try recording.finish()
    var recorded: [Int] = []
    try TraceDecoder.read(trace) { recorded.append($0.window) }
    #expect(recorded == windows)
  }

  @Test func errorsComeThrough() throws {
    let fails = Atomic(false)
    let provider = FaultProvider(.automatic) { call in
      call.operation == .read && fails.load(ordering: .relaxed)
        ? MapError(.readFailed, errno: .ioError) : nil
    }
    let maps = SlidingWindowMapManager(
      backend: provider, budget: .fixed(bytes: 4 * Self.windowSize + 64 << 10, regions: 4),
      windowSize: Self.windowSize)
    var cursor = try maps.cursor(for: path)
    for window in 0..<6 { try cursor.use(at: offset(window), count: 1) }
    // Once with the lock and once without.
    for _ in 0..<2 {
      fails.store(true, ordering: .relaxed)
      #expect(mapError { try cursor.use(at: offset(20), count: 1) }?.errno == .ioError)
      let isValid = cursor.isValid
      #expect(!isValid)
      fails.store(false, ordering: .relaxed)
      try cursor.use(at: offset(21), count: 9)
      #expect(view(cursor) == shows(offset(21)..<offset(21, 9)))
    }
    try scratch.resize("file", to: offset(20))
    #expect(mapError { try cursor.use(at: offset(22), count: 1) }?.code == .fileTruncated)
    maps.shutdown()
    #expect(mapError { try cursor.use(at: offset(10), count: 1) }?.code == .shutdown)
  }

  @Test func handlesAndMemoryComeAndGoUnderReaders() throws {
    let files = try (0..<12).map { try scratch.write("file\($0)", Self.model) }
    do {
      let maps = try fullManager(handles: 6)
      try onThreads(6) { thread in
        if thread == 0 {
          for _ in 0..<300 {
            maps.collect()
            maps.unload(under: files[3])
            var cursor = try maps.cursor(for: path)
            for window in 0..<6 { try cursor.use(at: offset(window), count: 1 << 14) }
          }
          return
        }
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<60 {
          var cursor = try maps.cursor(for: files[Int.random(in: 0..<12, using: &generator)])
          for _ in 0..<50 {
            let start = Int64.random(in: 0..<offset(32), using: &generator)
            try cursor.use(at: start, count: 64)
            let wanted = Self.model[Int(start)..<Int(start) + 64]
            guard array(cursor.bytes) == Array(wanted) else { throw MapError(.fileChanged) }
          }
        }
      }
      #expect(maps.statistics.counts.bypasses > 0 && maps.statistics.peak.handles <= 6)
      maps.shutdown()
      #expect(maps.statistics.usage.bytes == 0 && maps.statistics.usage.handles == 0)
    }
    #expect(scratch.descriptors == 0)
    #expect(scratch.maps == 0)
  }

  @Test func mappedFilesThatCannotBeOpenedAgainAreRead() throws {
    let maps = try fullManager(handles: 1)
    let other = try scratch.write("other", Self.model)
    // Their handles are closed for the last one's.
    let descriptor = try FileDescriptor.open(other, .readOnly)
    var first = try maps.cursor(for: descriptor)
    try descriptor.close()
    let removed = try scratch.write("removed", Self.model)
    var second = try maps.cursor(for: removed)
    try scratch.replace("removed", by: content(9))
    let third = try maps.cursor(for: path)
    for _ in 0..<9 {
      try first.use(at: offset(9, 100), count: 50)
      #expect(view(first) == shows(offset(9, 100)..<offset(9, 150)))
      try second.use(at: offset(10, 100), count: 50)
      #expect(view(second) == shows(offset(10, 100)..<offset(10, 150)))
    }
    _ = third.range
  }

  @Test func whatIsLeftOfACutPageIsRead() throws {
    let maps = try fullManager()
    var cursor = try maps.cursor(for: path)
    // Once with the lock and once without.
    try scratch.resize("file", to: offset(20, 500))
    for _ in 0..<2 {
      try cursor.use(at: offset(20, 490), count: 10)
      #expect(view(cursor) == shows(offset(20, 490)..<offset(20, 500)))
      #expect(mapError { try cursor.use(at: offset(20, 495), count: 10) }?.code == .fileTruncated)
      try cursor.use(at: offset(10), count: 10)
    }
    #expect(maps.statistics.counts.bypasses == 4)
  }

  @Test func cursorsOfOneUseMakeTimePass() throws {
    let maps = try fullManager()
    let misses = maps.statistics.counts.misses
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      var cursor = try maps.cursor(for: path)
      try cursor.use(at: Int64.random(in: offset(5)..<offset(32), using: &generator), count: 1)
    }
    #expect(maps.statistics.counts.misses - misses < 500)
  }

  @Test func fewHandlesServeManyReaders() throws {
    let maps = try fullManager(handles: 1)
    let files = try (0..<4).map { try scratch.write("file\($0)", Self.model) }
    try onThreads(4) { thread in
      var generator = SystemRandomNumberGenerator()
      for _ in 0..<400 {
        var cursor = try maps.cursor(for: files[Int.random(in: 0..<4, using: &generator)])
        for _ in 0..<8 {
          let start = Int64.random(in: 0..<offset(32), using: &generator)
          try cursor.use(at: start, count: 64)
        }
      }
    }
    #expect(maps.statistics.counts.bypasses > 0 && maps.statistics.peak.handles == 1)
  }

  @Test func handlesThatNobodyCanCloseAreNotWaitedFor() throws {
    let maps = SlidingWindowMapManager(
      budget: .fixed(bytes: 4 * Self.windowSize + 64 << 10, regions: 4, maps: 1, handles: 1),
      windowSize: Self.windowSize)
    var pinning = try maps.cursor(for: path)
    try pinning.use(at: offset(0), count: 1)
    // It finds no addresses, and only its handle leads to it.
    let descriptor = try FileDescriptor.open(try scratch.write("other", Self.model), .readOnly)
    let unmapped = try maps.cursor(for: descriptor)
    try descriptor.close()
    for window in 0..<6 { try pinning.use(at: offset(window), count: 1 << 14) }
    let third = try scratch.write("third", Self.model)
    let isOver = Atomic(false)
    let reader = Mutex(unmapped)
    try onThreads(2) { thread in
      if thread == 0 {
        defer { isOver.store(true, ordering: .relaxed) }
        for _ in 0..<2000 {
          guard mapError({ _ = try maps.cursor(for: third) })?.code == .handlesExhausted else {
            throw MapError(.fileChanged)
          }
        }
        return
      }
      try reader.withLock { cursor in
        var uses = 0
        // Some hundred, even if this thread came late.
        while uses < 500 || !isOver.load(ordering: .relaxed) {
          try cursor.use(at: offset(5 + uses % 27), count: 4096)
          uses += 1
        }
      }
    }
    #expect(maps.statistics.counts.bypasses > 100)
  }

  /// In a process of its own, which it forks: Swift hides fork(2), which is found by name.
  @Test func afterAForkNothingIsReadThroughInheritedHandles() async {
    await #expect(processExitsWith: .success) {
      typealias Fork = @convention(c) () -> pid_t
      let found = unsafe dlsym(nil, "fork")
      let fork = unsafe unsafeBitCast(found, to: Fork.self)
      let tests = try BypassTests()
      let maps = try tests.fullManager()
      var cursor = try maps.cursor(for: tests.path)
      // Once with the lock and once without.
      for window in 9..<11 { try cursor.use(at: tests.offset(window), count: 10) }
      guard maps.statistics.counts.bypasses == 2 else { exit(EXIT_FAILURE) }
      let child = fork()
      if child == 0 {
        let copy = cursor.copy()
        let shown = tests.shows(tests.offset(10)..<tests.offset(10, 10))
        var isRight = view(cursor) == shown
        isRight =
          isRight && mapError { try cursor.use(at: tests.offset(11), count: 9) }?.code == .forked
        isRight = isRight && view(copy) == shown
        _exit(isRight ? 0 : 1)
      }
      var status: Int32 = -1
      guard unsafe waitpid(child, &status, 0) == child, status == 0 else { exit(EXIT_FAILURE) }
      exit(EXIT_SUCCESS)
    }
  }

  @Test func memoryOfTheCursorsOwnTakesNoRoomFromWindows() throws {
    let maps = SlidingWindowMapManager(
      budget: .fixed(bytes: 4 * Self.windowSize, isHard: true), windowSize: Self.windowSize)
    var cursor = try maps.cursor(for: path)
    for window in 0..<5 { try cursor.use(at: offset(window), count: 1) }
    try cursor.use(at: offset(9), count: 8)
    #expect(maps.statistics.counts.bypasses == 1)
    try cursor.use(at: offset(12), count: 4 * Self.windowSize)
    #expect(view(cursor) == shows(offset(12)..<offset(16)))
  }

  @Test func aGrownFileIsFoundAmongReaders() throws {
    let maps = try fullManager()
    let isOver = Atomic(false)
    try onThreads(9) { thread in
      var cursor = try maps.cursor(for: path)
      if thread == 0 {
        defer { isOver.store(true, ordering: .relaxed) }
        for factor in 2...4 {
          try scratch.resize("file", to: Int64(Self.model.count << factor))
          try cursor.refresh()
          guard cursor.fileSize == Int64(Self.model.count << factor) else {
            throw MapError(.fileChanged)
          }
        }
        return
      }
      var generator = SystemRandomNumberGenerator()
      while !isOver.load(ordering: .relaxed) {
        try cursor.use(at: Int64.random(in: offset(5)..<offset(32), using: &generator), count: 4096)
      }
    }
  }
}
