import Foundation
import SlidingMap
import SystemPackage
import Testing

/// Loads that no thread waits in.
struct AsynchronousTests {
  static let path = FilePath("/memory/file")
  static let model = content(40 * 4096 + 77)

  private func maps(
    _ provider: some RegionProvider, _ budget: some Budget = .fixed(bytes: 1 << 20)
  ) -> SlidingWindowMapManager {
    SlidingWindowMapManager(backend: provider, budget: budget, windowSize: 4096)
  }

  @Test func `What was prefetched is there when it is used`() async throws {
    let provider = MemoryProvider([Self.path: Self.model])
    let maps = maps(provider)
    // Past the end, twice, out of order.
    try maps.prefetch(Self.path, ranges: [8192..<8200, 0..<5000, 8192..<8193, 1 << 40..<1 << 41])
    var cursor = try maps.cursor(for: Self.path)
    try await cursor.ready(at: 0, count: 8193)
    #expect(maps.statistics.counts.loads == 3)
    try cursor.use(at: 0, count: 8193)
    #expect(view(cursor) == .of(Self.model, 0..<8193))
    #expect(maps.statistics.counts.loads == 3 && provider.loads == 3)
    #expect(maps.statistics.counts.hits == 3)
    #expect(maps.statistics.inFlight == 0)
  }

  @Test func `Prefetching goes as far as the budget`() async throws {
    let provider = MemoryProvider([Self.path: Self.model])
    let maps = maps(provider, .fixed(bytes: 5 * 4096))
    try maps.prefetch(Self.path, ranges: [0..<Int64(Self.model.count)])
    let cursor = try maps.cursor(for: Self.path)
    try await cursor.ready(at: 0, count: 1)
    #expect(maps.statistics.peak.bytes <= 5 * 4096)
  }

  @Test func `Readiness does not block, and a use of what is being loaded waits`() async throws {
    let gate = Gates()
    let provider = MemoryProvider([Self.path: Self.model]) { _ in
      gate.wait()
      return nil
    }
    let maps = maps(provider)
    let cursor = try maps.cursor(for: Self.path)
    let tasks = (0..<10).map { index in
      let cursor = Held(cursor.copy())
      return Task { try await cursor.cursor.ready(at: Int64(index / 2) * 4096, count: 1) }
    }
    while maps.statistics.inFlight < 5 { await Task.yield() }
    let user = Held(cursor.copy())
    let used = Task.detached {
      try user.cursor.withBytes(at: 0, count: 4) { array($0) }
    }
    gate.open()
    for task in tasks { try await task.value }
    #expect(try await used.value == Array(Self.model[..<4]))
    // Two tasks wanted each window, and a thread the first: each was loaded once.
    #expect(provider.loads == 5)
    #expect(maps.statistics.inFlight == 0)
  }

  @Test func `A load that fails tells all who wait, and leaves nothing`() async throws {
    let gate = Gates()
    let error = MapError(.readFailed, errno: .ioError)
    let provider = MemoryProvider([Self.path: Self.model]) { load in
      gate.wait()
      return load.offset == 4096 ? error : nil
    }
    let maps = maps(provider)
    let tasks = try (0..<3).map { _ in
      let cursor = Held(try maps.cursor(for: Self.path))
      return Task { () -> MapError? in
        do {
          try await cursor.cursor.ready(at: 0, count: 8192)
          return nil
        } catch { return error as? MapError }
      }
    }
    while maps.statistics.inFlight < 2 { await Task.yield() }
    gate.open()
    for task in tasks {
      let failure = await task.value
      #expect(failure?.code == .readFailed && failure?.errno == .ioError)
      #expect(failure?.source == .path(Self.path) && failure?.range == 0..<8192)
    }
    #expect(maps.statistics.usage.regions == 1 && maps.statistics.counts.failedLoads == 1)
  }

  @Test func `Cancelled tasks stop waiting at once, and their loads end for others`() async throws {
    let gate = Gates()
    let provider = MemoryProvider([Self.path: Self.model]) { _ in
      gate.wait()
      return nil
    }
    let maps = maps(provider)
    let tasks = try (0..<200).map { index in
      let cursor = Held(try maps.cursor(for: Self.path))
      return Task { () -> MapError.Code? in
        do {
          try await cursor.cursor.ready(at: Int64(index % 40) * 4096, count: 1)
          return nil
        } catch { return (error as? MapError)?.code }
      }
    }
    while maps.statistics.inFlight < 40 { await Task.yield() }
    for task in tasks { task.cancel() }
    // The gate is still shut: only cancellation can have woken them.
    for task in tasks { #expect(await task.value == .cancelled) }
    gate.open()
    let cursor = try maps.cursor(for: Self.path)
    try await cursor.ready(at: 0, count: 40 * 4096)
    let statistics = maps.statistics
    #expect(statistics.inFlight == 0 && statistics.pinned == 0 && statistics.counts.loads == 40)
  }

  @Test func `A manager that goes while it prefetches leaves nothing`() throws {
    let gate = Gates()
    let provider = MemoryProvider([Self.path: Self.model]) { _ in
      gate.wait()
      return nil
    }
    do {
      let maps = maps(provider)
      try maps.prefetch(Self.path, ranges: [0..<20_000])
    }
    #expect(!provider.isShutDown)
    gate.open()
    while !provider.isShutDown { sched_yield() }
    #expect(provider.extents == 0 && provider.openHandles == 0)
  }

  @Test func `Shutting down while loads are under way gives their windows back`() async throws {
    let gate = Gates()
    let provider = MemoryProvider([Self.path: Self.model]) { _ in
      gate.wait()
      return nil
    }
    let maps = maps(provider)
    try maps.prefetch(Self.path, ranges: [0..<20_000])
    maps.shutdown()
    gate.open()
    while maps.statistics.inFlight > 0 { await Task.yield() }
    #expect(maps.statistics.usage.regions == 0 && maps.statistics.usage.bytes == 0)
    #expect(throws: MapError.self) { try maps.prefetch(Self.path, ranges: [0..<1]) }
  }

  @Test(arguments: [0, 1, 4, 1000])
  func `Windows come in order and whole`(readAhead: Int) async throws {
    let provider = MemoryProvider([Self.path: Self.model, "/memory/empty": []])
    for maps in [
      maps(provider, .fixed(bytes: 6 * 4096)) as MapManager,
      StaticWindowMapManager(backend: provider, budget: .unlimited),
    ] {
      var seen: [UInt8] = []
      for try await window in maps.windows(of: Self.path, readAhead: readAhead) {
        #expect(window.range.lowerBound == Int64(seen.count))
        seen += window.withBytes { array($0) }
        #expect(maps.statistics.pinned == 1)
      }
      #expect(seen == Self.model)
      for try await _ in maps.windows(of: "/memory/empty") { Issue.record("a window of nothing") }
      #expect(maps.statistics.pinned == 0 && maps.statistics.cursors == 0)
    }
  }

  @Test func `A window kept stays, and a sequence left early leaves nothing`() async throws {
    let maps = maps(MemoryProvider([Self.path: Self.model]))
    var kept: MapWindow?
    for try await window in maps.windows(of: Self.path, readAhead: 2) {
      kept = window
      if window.range.lowerBound == 8192 { break }
    }
    #expect(maps.statistics.pinned == 1)
    maps.collect()
    let bytes = kept?.withBytes { array($0) }
    #expect(bytes == Array(Self.model[8192..<12_288]))
    kept = nil
    while maps.statistics.inFlight > 0 { await Task.yield() }
    maps.collect()
    #expect(maps.statistics.pinned == 0 && maps.statistics.usage.regions == 0)
  }

  @Test func `A sequence of a cancelled task ends with that error, once`() async throws {
    let maps = maps(MemoryProvider([Self.path: Self.model]))
    let task = Task { () -> MapError.Code? in
      var iterator = maps.windows(of: Self.path).makeAsyncIterator()
      _ = try await iterator.next()
      unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
      do {
        _ = try await iterator.next()
        return nil
      } catch {
        let after = try await iterator.next()
        #expect(after == nil)
        return (error as? MapError)?.code
      }
    }
    #expect(try await task.value == .cancelled)
    #expect(maps.statistics.pinned == 0 && maps.statistics.cursors == 0)
  }

  @Test func `Mapped bytes become ready, whatever becomes of the file`() async throws {
    let scratch = try Scratch()
    let model = content(3 << 20)
    let path = try scratch.write("file", model)
    let maps = SlidingWindowMapManager(windowSize: 1 << 20)
    try maps.prefetch(path, ranges: [0..<4096, 1 << 20..<2 << 20, 5 << 20..<6 << 20])
    var cursor = try maps.cursor(for: path)
    try await cursor.ready(at: 1_000_000, count: 1_500_000)
    try cursor.use(at: 1_000_000, count: 1_500_000)
    let isRight = shows(cursor.bytes, model, at: 1_000_000)
    #expect(isRight)
    try await cursor.ready(at: 3 << 20, count: 1)
    try await cursor.ready(at: 5, count: 0)
    try scratch.resize("file", to: 1 << 20)
    let error = await mapErrorOfTask { try await cursor.ready(at: 2 << 20, count: 4096) }
    #expect(error?.code == .fileTruncated)
    #expect(maps.statistics.inFlight == 0)
  }
}
