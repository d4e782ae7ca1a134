import Foundation
import MapTestSupport
import SlidingMap
import Testing

/// Everything ends, and nothing before its time.
struct LifetimeTests {
  static let model = content(5 * 4096)

  @Test(arguments: Shape.small)
  func tenThousandRoundsLeaveNothing(_ shape: Shape) throws {
    let scratch = try Scratch()
    let path = try scratch.write("file", Self.model)
    var maps: MapManager? = shape.manager(.fixed(regions: 2))
    for round in 0..<10_000 {
      if round % 500 == 0 { maps = shape.manager(.fixed(regions: 2)) }
      guard let maps else { return }
      switch round % 4 {
      case 0: _ = mapError { _ = try maps.cursor(for: scratch["missing"]) }
      case 1: _ = mapError { _ = try maps.cursor(for: scratch.path) }
      case 2: #expect(try maps.buffer(for: path)[7000] == Self.model[7000])
      default:
        var cursor = try maps.cursor(for: path)
        try cursor.use(at: Int64(round % 20_000), count: 5000)
        let shown = shows(cursor.bytes, Self.model, at: round % 20_000)
        #expect(shown)
      }
      if round % 1000 == 999 { #expect(scratch.maps <= 1 && scratch.descriptors <= 2) }
    }
    #expect(maps?.statistics.cursors == 0)
    maps = nil
    #expect(scratch.maps == 0 && scratch.descriptors == 0)
  }

  @Test(arguments: Shape.small)
  func shutdownRefusesAndLeasesStay(_ shape: Shape) throws {
    let scratch = try Scratch()
    let maps = shape.manager()
    let path = try scratch.write("file", Self.model)
    var cursor = try maps.cursor(for: path)
    var idle = try maps.cursor(for: path)
    try idle.use(at: 4096 * 4)
    idle.release()
    try cursor.use(at: 100, count: 200)
    maps.shutdown()
    maps.shutdown()
    var seen = view(cursor)
    #expect(seen == .of(Self.model, 100..<300))
    #expect(maps.statistics.usage.regions == 1 && scratch.maps == 1)
    try cursor.use(at: 200, count: 200)
    seen = view(cursor)
    #expect(seen == .of(Self.model, 200..<400))
    let copy = cursor.copy()
    #expect(mapError { _ = try maps.cursor(for: path) }?.code == .shutdown)
    #expect(mapError { _ = try maps.buffer(for: path) }?.code == .shutdown)
    #expect(mapError { try idle.use(at: 0, count: 1) }?.code == .shutdown)
    #expect(mapError { try idle.refresh() }?.code == .shutdown)
    cursor.release()
    let kept = view(copy)
    #expect(kept == .of(Self.model, 200..<400))
    _ = consume copy
    let statistics = maps.statistics
    #expect(
      statistics.usage.regions == 0 && statistics.usage.maps == 0 && statistics.usage.handles == 0)
    #expect(scratch.maps == 0 && scratch.descriptors == 0)
    #expect(mapError { try cursor.use(at: 100, count: 200) }?.code == .shutdown)
    let past = try cursor.use(at: 1 << 40, count: 1)
    #expect(!past)
  }

  /// Nor while another thread that shuts down closes it.
  @Test func noShutdownReturnsWhileAFileIsOpen() throws {
    let closing = DispatchSemaphore(value: 0)
    let provider = MemoryProvider(["/file": LifetimeTests.model]) {
      _ in
      nil
    } beforeClose: {
      closing.signal()
      for _ in 0..<1000 { sched_yield() }
    }
    let maps = SlidingWindowMapManager(backend: provider)
    do {
      var cursor = try maps.cursor(for: "/file")
      try cursor.use(at: 0, count: 1)
    }
    try onThreads(2) { thread in
      if thread == 1 { closing.wait() }
      maps.shutdown()
      #expect(provider.openHandles == 0 && provider.extents == 0)
    }
  }

  @Test func shutdownWhileThreadsRead() throws {
    let scratch = try Scratch()
    let path = try scratch.write("file", Self.model)
    for round in 0..<30 {
      let maps = SlidingWindowMapManager(budget: .fixed(regions: 3), windowSize: 4096)
      try onThreads(4) { thread in
        var dice = Dice(seed: UInt64(thread + 4 * round))
        if thread == 3 {
          for _ in 0..<dice.draw(20_000) { _ = dice.next() }
          maps.shutdown()
          return
        }
        do throws(MapError) {
          var cursor = try maps.cursor(for: path)
          while true {
            let offset = dice.draw(Self.model.count)
            try cursor.use(at: Int64(offset), count: 3000)
            let shown = shows(cursor.bytes, Self.model, at: offset)
            #expect(shown)
          }
        } catch {
          #expect(error.code == .shutdown)
        }
      }
      let statistics = maps.statistics
      #expect(
        statistics.usage.regions == 0 && statistics.usage.maps == 0 && statistics.usage.handles == 0
      )
    }
    #expect(scratch.maps == 0 && scratch.descriptors == 0)
  }

  @Test func theLastOwnerMayGoOnAnyThread() throws {
    let scratch = try Scratch()
    let path = try scratch.write("file", Self.model)
    let maps = SlidingWindowMapManager()
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 0)
    let parcel = Parcel(cursor)
    try onThreads(1) { _ in
      let cursor = parcel.open()
      let seen = view(cursor)
      #expect(seen == .of(Self.model, 0..<Self.model.count))
    }
    #expect(scratch.maps == 1)
    #expect(maps.collect() == 1)
    #expect(scratch.maps == 0)
  }

  /// In a process of its own, which it forks.
  @Test func afterAForkLeasesStayAndMissesThrow() async {
    await #expect(processExitsWith: .success) {
      let scratch = try Scratch()
      let maps = SlidingWindowMapManager(windowSize: 4096)
      let path = try scratch.write("file", LifetimeTests.model)
      var cursor = try maps.cursor(for: path)
      try cursor.use(at: 100, count: 200)
      let buffer = try maps.buffer(for: path)
      _ = buffer[0]
      let observation = try maps.observe(policies: .lru, sampling: 1)
      let child = forkProcess()
      if child == 0 {
        var isRight = view(cursor) == .of(LifetimeTests.model, 100..<300)
        try cursor.use(at: 300, count: 200)
        isRight = isRight && view(cursor) == .of(LifetimeTests.model, 300..<500)
        let copy = cursor.copy()
        isRight = isRight && view(copy) == .of(LifetimeTests.model, 300..<500)
        isRight = isRight && buffer[1] == LifetimeTests.model[1] && buffer[9000] == 0
        isRight = isRight && buffer.error?.code == .forked
        isRight = isRight && mapError { try cursor.use(at: 9000, count: 1) }?.code == .forked
        isRight = isRight && mapError { try cursor.refresh() }?.code == .forked
        isRight = isRight && mapError { _ = try maps.cursor(for: path) }?.code == .forked
        isRight = isRight && maps.collect() == 0
        isRight = isRight && observation.report.policies.isEmpty
        maps.shutdown()
        _exit(isRight ? 0 : 1)
      }
      guard endsWell(child) else { exit(EXIT_FAILURE) }
      try cursor.use(at: 9000, count: 10)
      let seen = view(cursor)
      exit(seen == .of(LifetimeTests.model, 9000..<9010) ? EXIT_SUCCESS : EXIT_FAILURE)
    }
  }

  /// Those too that an eviction has marked, and all of a budget that is overshot.
  @Test func afterAForkAllThatIsLoadedIsReadable() async {
    await #expect(processExitsWith: .success) {
      let scratch = try Scratch()
      let model = content(60 * 4096)
      let path = try scratch.write("file", model)
      for (backend, most) in [(BackendKind.mmap, 20), (.mmap, 5), (.pread, 20)] {
        let maps = SlidingWindowMapManager(
          backend: try backend.make(), budget: .fixed(regions: most), windowSize: 4096)
        let holders = try (0..<10).map { _ in Held(try maps.cursor(for: path)) }
        for window in 0..<60 {
          try holders[window % 10].cursor.use(at: Int64(window * 4096), count: 10)
        }
        let loaded = maps.statistics.usage.regions
        let child = forkProcess()
        if child == 0 {
          let reader = Held(holders[0].cursor.copy())
          let readable = (0..<60).count { window in
            let start = window * 4096
            let isLoaded = (try? reader.cursor.use(at: Int64(start), count: 10)) ?? false
            return isLoaded && view(reader.cursor) == .of(model, start..<start + 10)
          }
          _exit(readable == loaded ? 0 : 1)
        }
        guard endsWell(child) else { exit(EXIT_FAILURE) }
      }
      exit(EXIT_SUCCESS)
    }
  }
}
