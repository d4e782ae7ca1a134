import Foundation
import MapTestSupport
import MapTesting
import MMapBackend
import SlidingMap
import SystemPackage
import Testing

/// Windows that are emptied with the victim, before it is their turn.
@Suite(
  .enabled(if: MMapProvider.mmap.mapping.unloadsTogether && ProcessResources.isAvailable))
struct AheadTests {
  static let windowSize = 1 << 20
  static let budget = 64

  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// A file that says at the start of each window which one it is, and has holes else.
  private func marked(_ name: String, windows: Int) throws -> FilePath {
    let path = try scratch.resize(name, to: Int64(windows * Self.windowSize))
    let file = try FileDescriptor.open(path, .writeOnly)
    try file.closeAfter {
      for window in 0..<windows {
        try file.writeAll(toAbsoluteOffset: Int64(window * Self.windowSize), [UInt8(window % 251)])
      }
    }
    return path
  }

  private func manager(_ provider: some RegionProvider = .mmap) -> MapManager {
    SlidingWindowMapManager(
      backend: provider, budget: .fixed(regions: Self.budget), windowSize: Self.windowSize)
  }

  /// Uses a window and touches it; whether its page was there before.
  private func touch(_ window: Int, _ cursor: inout WindowCursor) throws -> Bool {
    try cursor.use(at: Int64(window * Self.windowSize), count: 1)
    let wasThere = try unsafe cursor.bytes.withUnsafeBytes {
      try unsafe !ProcessResources.residentPages(from: $0.baseAddress!, byteCount: 1).isEmpty
    }
    let isRight = shows(cursor.bytes, [UInt8(window % 251)], at: 0)
    #expect(isRight)
    return wasThere
  }

  @Test func aHitBringsThemBack() throws {
    let maps = manager()
    var cursor = try maps.cursor(for: try marked("file", windows: 80))
    for window in 0..<Self.budget { #expect(try !touch(window, &cursor)) }
    // The first eviction looks at its victim alone. With the second, window 1, go some of those that follow.
    for window in 64..<66 { #expect(try !touch(window, &cursor)) }
    #expect(maps.statistics.counts.evictions == 2 && maps.statistics.usage.regions == Self.budget)
    #expect(try !touch(3, &cursor))
    #expect(maps.statistics.counts.misses == 66, "it was loaded in the books")
    // It is the most recent one now: the others go, this one stays.
    for window in 66..<74 { #expect(try !touch(window, &cursor)) }
    #expect(try touch(3, &cursor))
    #expect(maps.statistics.counts.misses == 74 && maps.statistics.counts.evictions == 10)
    #expect(maps.statistics.usage.regions == Self.budget)
  }

  @Test func severalLeaveInOneCall() throws {
    let faults = SyscallFaults()
    let maps = manager(MMapProvider(faults: faults))
    var cursor = try maps.cursor(for: try marked("file", windows: 512))
    let calls = faults.calls(of: .madvise)
    for window in 0..<512 { #expect(try !touch(window, &cursor)) }
    let evictions = maps.statistics.counts.evictions
    #expect(evictions == 512 - Self.budget)
    #expect((faults.calls(of: .madvise) - calls) * 4 <= evictions)
  }

  /// Emptying a window must not outlive its addresses; but it needs no handle.
  @Test func anExtentStaysUntilItIsEmptied() throws {
    let provider = SlowUnloader(isArmed: false, mostHandles: 2)
    let maps = manager(provider)
    var other = try maps.cursor(for: try marked("other", windows: 70))
    for window in 0..<2 { _ = try touch(window, &other) }
    let small = try marked("small", windows: 3)
    do {
      var cursor = try maps.cursor(for: small)
      for window in 0..<3 { _ = try touch(window, &cursor) }
    }
    for window in 2..<62 { _ = try touch(window, &other) }
    provider.arm()
    let held = Held(consume other)
    let ended = DispatchSemaphore(value: 0)
    Thread {
      _ = try? touch(62, &held.cursor)
      ended.signal()
    }.start()
    while !provider.isUnloading { sched_yield() }
    // The other file's second window is on its way out, and all of this one's are emptied with it.
    #expect(throws: Never.self) { _ = try maps.cursor(for: try marked("third", windows: 1)) }
    #expect(maps.unload(under: small) == 3)
    #expect(maps.statistics.usage.regions == 61 && !provider.isReleased)
    provider.gate.open()
    ended.wait()
    #expect(provider.isReleased && maps.statistics.files == 1)
  }

  /// A window that was emptied while a task had its pages brought in is not taken for empty.
  @Test func whatIsBroughtInMeanwhileLeavesWithItsWindow() async throws {
    let provider = SlowUnloader(isArmed: false)
    let maps = manager(provider)
    let path = try marked("file", windows: 80)
    var cursor = try maps.cursor(for: path)
    for window in 0..<2 { _ = try touch(window, &cursor) }
    let second = unsafe cursor.bytes.withUnsafeBytes { UInt(bitPattern: $0.baseAddress!) }
    let ready = Task { [other = Held(try maps.cursor(for: path))] in
      try await other.cursor.ready(at: Int64(2 * Self.windowSize), count: 1)
    }
    while maps.statistics.inFlight == 0 { await Task.yield() }
    for window in 3..<66 { _ = try touch(window, &cursor) }
    #expect(maps.statistics.counts.evictions == 2 && maps.statistics.usage.regions == Self.budget)
    // Windows 0 and 1 have left, and what followed was emptied with the second.
    provider.loading.open()
    try await ready.value
    while maps.statistics.inFlight > 0 { await Task.yield() }
    func isThere() throws -> Bool {
      let address = unsafe UnsafeRawPointer(bitPattern: second + UInt(Self.windowSize))!
      return try unsafe !ProcessResources.residentPages(from: address, byteCount: 1).isEmpty
    }
    #expect(try isThere())
    _ = try touch(66, &cursor)
    #expect(maps.statistics.counts.evictions == 3)
    #expect(try !isThere(), "a window that is in no budget holds memory")
  }

  /// Files come and go while others' windows are emptied.
  @Test func threadsSeeTheRightBytes() throws {
    let maps = manager()
    let files = try (0..<4).map { try marked("file\($0)", windows: 40) }
    try onThreads(4) { thread in
      var dice = Dice(seed: UInt64(thread))
      for _ in 0..<60 {
        var cursor = try maps.cursor(for: files[dice.draw(4)])
        for _ in 0..<30 { _ = try touch(dice.draw(40), &cursor) }
        if dice.draw(8) == 0 { maps.unload(under: files[dice.draw(4)]) }
      }
    }
    maps.collect()
    #expect(maps.statistics.files == 0 && maps.statistics.usage.maps == 0)
    #expect(try ProcessResources.maps(under: scratch.path) == 0)
  }
}
