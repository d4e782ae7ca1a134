import Foundation
import MapTestSupport
import MapTesting
import SlidingMap
import SystemPackage
import Testing

/// Files for which there are no addresses as a whole: their windows lie in spans, and are cached under the policy all the same.
@Suite(.enabled(if: ProcessResources.isAvailable))
struct SpanTests {
  private static let window = 64 << 10
  private static let windows = 64
  private let scratch: Scratch
  private let bytes = content(Self.window * Self.windows)
  private let path: FilePath

  init() throws {
    scratch = try Scratch()
    path = try scratch.write("file", bytes)
  }

  /// A manager that has addresses for a quarter of the file, and bytes for an eighth.
  private func maps(
    _ kind: BackendKind = .mmap, policy: some EvictionPolicy = .lru, isHard: Bool = false
  ) throws -> SlidingWindowMapManager {
    SlidingWindowMapManager(
      backend: try kind.make(), policy: policy,
      budget: .fixed(
        bytes: Self.window * 8, addresses: Self.window * Self.windows / 4, isHard: isHard),
      windowSize: Self.window)
  }

  private func check(
    _ cursor: inout WindowCursor, _ offset: Int, _ count: Int
  ) throws {
    let isRight = try cursor.withBytes(at: Int64(offset), count: count) {
      $0.byteCount == count && shows($0, bytes, at: offset)
    }
    #expect(isRight, "\(count) bytes at \(offset)")
  }

  @Test(arguments: BackendKind.allCases)
  func `Windows are shared and cached`(kind: BackendKind) throws {
    let maps = try maps(kind)
    var cursor = try maps.cursor(for: path)
    var other = try maps.cursor(for: path)
    for round in 0..<3 {
      for window in 0..<8 {
        try check(&cursor, window * Self.window + 100 * round, 1000)
        try check(&other, window * Self.window + 5000, 1000)
      }
    }
    let statistics = maps.statistics
    #expect(statistics.counts.loads == 8 && statistics.counts.evictions == 0)
    #expect(statistics.usage.regions == 8 && statistics.counts.copies == 0)
    #expect(statistics.usage.addresses == 8 * Self.window)
    if kind == .mmap { try #expect(ProcessResources.maps(under: path) == 8) }
    cursor.release()
    other.release()
    #expect(maps.collect() == 8)
    #expect(maps.statistics.usage.addresses == 0)
    try #expect(ProcessResources.maps(under: path) == 0)
  }

  // The automatic backend reads few bytes of windows that are seldom asked for past them.
  @Test(arguments: BackendKind.allCases.filter { $0 != .automatic })
  func `The policy says which window goes`(kind: BackendKind) throws {
    let maps = try maps(kind)
    var cursor = try maps.cursor(for: path)
    for window in 0..<8 { try check(&cursor, window * Self.window, 10) }
    for window in 4..<8 { try check(&cursor, window * Self.window, 10) }
    for window in 20..<24 { try check(&cursor, window * Self.window, 10) }
    let loads = maps.statistics.counts.loads
    for window in 4..<8 { try check(&cursor, window * Self.window, 10) }
    #expect(maps.statistics.counts.loads == loads, "the last used are there")
    try check(&cursor, 0, 10)
    #expect(maps.statistics.counts.loads == loads + 1, "the first used are not")
    #expect(maps.statistics.usage.bytes <= 8 * Self.window)
  }

  @Test(arguments: BackendKind.allCases.filter { $0 != .automatic })
  func `Bytes across windows are contiguous`(kind: BackendKind) throws {
    let maps = try maps(kind)
    var cursor = try maps.cursor(for: path)
    for window in 1..<20 {
      try check(&cursor, window * Self.window - 7, 14)
      cursor.release()
      try check(&cursor, window * Self.window - 7, 3 * Self.window)
      cursor.release()
      try check(&cursor, window * Self.window, Self.window)
    }
    var copy = cursor.copy()
    cursor.release()
    try check(&copy, 19 * Self.window + 3, 100)
    #expect(maps.statistics.counts.copies == 38)
  }

  @Test(arguments: BackendKind.allCases, [false, true])
  func `A buffer and threads read what the file has`(kind: BackendKind, isHard: Bool) throws {
    let maps = try maps(kind, policy: .clock, isHard: isHard)
    let buffer = try maps.buffer(for: path)
    #expect(buffer.elementsEqual(bytes))
    let path = path
    let bytes = bytes
    try onThreads(4) { thread in
      var cursor = try maps.cursor(for: path)
      var dice = Dice(seed: UInt64(thread))
      for _ in 0..<2000 {
        let offset = dice.draw(bytes.count - 9000)
        let count = 1 + dice.draw(8000)
        let isRight: Bool
        do throws(MapError) {
          isRight = try cursor.withBytes(at: Int64(offset), count: count) {
            shows($0, bytes, at: offset)
          }
        } catch {
          // All bytes that a hard budget has may be others' just now.
          if error.code != .budgetExhausted { throw error }
          cursor.release()
          continue
        }
        #expect(isRight)
      }
    }
    #expect(maps.statistics.usage.bytes <= 8 * Self.window)
  }

  @Test(arguments: BackendKind.allCases)
  func `Growth and truncation show`(kind: BackendKind) throws {
    let maps = try maps(kind)
    var cursor = try maps.cursor(for: path)
    try check(&cursor, 63 * Self.window, 100)
    let file = try FileDescriptor.open(path, .readWrite)
    defer { try? file.close() }
    _ = try file.writeAll(toAbsoluteOffset: Int64(bytes.count), content(1000))
    try cursor.refresh()
    #expect(cursor.fileSize == Int64(bytes.count) + 1000)
    let isRight = try cursor.withBytes(at: Int64(bytes.count), count: 1000) {
      shows($0, content(1000), at: 0)
    }
    #expect(isRight)
    try check(&cursor, 63 * Self.window, 100)

    try file.resize(to: Int64(40 * Self.window + 50))
    #expect(throws: MapError.self) { try check(&cursor, 63 * Self.window - 100, 200) }
    try cursor.refresh()
    #expect(cursor.fileSize == Int64(40 * Self.window + 50))
    try check(&cursor, 40 * Self.window, 50)
    try check(&cursor, 0, 100)
  }

  @Test func `A page that is missing in a span is an error`() throws {
    let maps = try maps()
    var cursor = try maps.cursor(for: path)
    try check(&cursor, 30 * Self.window, 100)
    try cursor.use(at: Int64(30 * Self.window), count: Self.window)
    let file = try FileDescriptor.open(path, .readWrite)
    try file.resize(to: Int64(10 * Self.window))
    try file.close()
    #expect {
      try cursor.withBytes(at: Int64(30 * Self.window), count: Self.window) { $0.count(of: 1) }
    } throws: {
      ($0 as? MapError)?.code == .fileTruncated
    }
    try cursor.refresh()
    try check(&cursor, 9 * Self.window, Self.window)
  }

  @Test func `With addresses enough a file comes together again`() throws {
    let budget = Allowance(.fixed(bytes: Self.window * 8, addresses: Self.window * 16))
    let maps = SlidingWindowMapManager(
      backend: .mmap, policy: .lru, budget: budget, windowSize: Self.window)
    var cursor = try maps.cursor(for: path)
    for window in 0..<8 { try check(&cursor, window * Self.window, 10) }
    try #expect(ProcessResources.maps(under: path) == 8)
    budget.set(.fixed(bytes: Self.window * 8, addresses: Self.window * 400))
    // What a lease shows stays; what misses brings the file together once nobody holds a span.
    for window in 8..<64 where maps.statistics.usage.addresses < bytes.count {
      cursor.release()
      maps.collect()
      try check(&cursor, window * Self.window, 10)
    }
    try #expect(ProcessResources.maps(under: path) == 1)
    try check(&cursor, 5 * Self.window - 10, 20)
    #expect(maps.statistics.counts.copies == 0)
  }

  /// A lease keeps a file in spans, and with it all that is cached of it.
  @Test func `Nothing is unloaded for a file that can't come together`() throws {
    let budget = Allowance(.fixed(bytes: Self.window * 8, addresses: Self.window * 16))
    let maps = SlidingWindowMapManager(
      backend: .mmap, policy: .lru, budget: budget, windowSize: Self.window)
    var cursor = try maps.cursor(for: path)
    var idle = try maps.cursor(for: path)
    try check(&idle, 0, 10)
    for window in 1..<7 { try check(&cursor, window * Self.window, 10) }
    budget.set(.fixed(bytes: Self.window * 8, addresses: Self.window * 400))
    // Which the manager learns as it wants addresses that it does not have.
    do {
      var other = try maps.cursor(for: scratch.write("other", content(20 * Self.window)))
      try other.use(at: 0, count: 10)
    }
    try #expect(ProcessResources.maps(under: scratch["other"]) == 1)
    cursor.release()
    try check(&cursor, 2 * Self.window, 10)
    try check(&cursor, 30 * Self.window, 10)
    // One has made room.
    try #expect(ProcessResources.maps(under: path) == 7)
    let loads = maps.statistics.counts.loads
    for window in 2..<7 { try check(&cursor, window * Self.window, 10) }
    #expect(maps.statistics.counts.loads == loads)
    try check(&idle, 5, 10)
  }

  /// Beside files of one window, which are mapped whole.
  @Test func `Files whose windows have left make room first`() throws {
    let maps = SlidingWindowMapManager(
      backend: .mmap, policy: .lru,
      budget: .fixed(bytes: Self.window * 9, addresses: Self.window * 16),
      windowSize: Self.window)
    var small: [Held] = []
    for index in 0..<14 {
      let held = Held(try maps.cursor(for: scratch.write("small\(index)", content(1000))))
      try held.cursor.use(at: 0, count: 10)
      held.cursor.release()
      small.append(held)
    }
    var cursor = try maps.cursor(for: path)
    for window in 0..<8 { try check(&cursor, window * Self.window, 10) }
    let loads = maps.statistics.counts.loads
    for window in 0..<8 { try check(&cursor, window * Self.window, 10) }
    #expect(maps.statistics.counts.loads == loads, "all that the budget's bytes hold is there")
    #expect(maps.statistics.usage.addresses <= Self.window * 16)
  }

  /// More than the reserve holds, while another cursor keeps the file in spans.
  @Test(arguments: [BackendKind.automatic, .mmap, .pread])
  func `A large request across spans is a copy of the cursor's own`(kind: BackendKind) throws {
    let large = content(48 << 20)
    let path = try scratch.write("large", large)
    let maps = SlidingWindowMapManager(
      backend: try kind.make(),
      budget: .fixed(bytes: 40 << 20, addresses: 24 << 20), windowSize: 1 << 20)
    let idle = Held(try maps.cursor(for: path))
    try idle.cursor.use(at: 5 << 20, count: 10)
    var cursor = try maps.cursor(for: path)
    for _ in 0..<3 {
      let isRight = try cursor.withBytes(at: 100, count: 24 << 20) {
        $0.byteCount == 24 << 20 && shows($0, large, at: 100)
      }
      #expect(isRight)
      var copy = cursor.copy()
      cursor.release()
      let isStillRight = try copy.withBytes(at: 200, count: 20 << 20) { shows($0, large, at: 200) }
      #expect(isStillRight)
    }
    cursor.release()
    #expect(maps.statistics.usage.bytes <= 40 << 20)
    idle.cursor.release()
    maps.collect()
    #expect(maps.statistics.usage.bytes == 0)
  }

  @Test(arguments: BackendKind.allCases)
  func `Tasks get what they awaited`(kind: BackendKind) async throws {
    let maps = try maps(kind)
    let held = Held(try maps.cursor(for: path))
    for window in 0..<20 {
      let start = Int64(window * Self.window)
      try await held.cursor.ready(at: start + 4096, count: 40_000)
      try held.cursor.use(at: start + 4096, count: 40_000)
      #expect(view(held.cursor) == .of(bytes, Int(start) + 4096..<Int(start) + 44_096))
      // Across windows as well, without one.
      try await held.cursor.lease(at: start + 60_000, count: 10_000)
      #expect(view(held.cursor) == .of(bytes, Int(start) + 60_000..<Int(start) + 70_000))
      held.cursor.release()
    }
    #expect(maps.statistics.usage.bytes <= 8 * Self.window && maps.statistics.pinned == 0)
  }

  @Test func `What a task awaits is in memory`() async throws {
    let maps = try maps()
    let held = Held(try maps.cursor(for: path))
    try await held.cursor.ready(at: 0, count: Self.window)
    try held.cursor.use(at: 0, count: Self.window)
    let pages = try unsafe held.cursor.bytes.withUnsafeBytes {
      try unsafe ProcessResources.residentPages(from: $0.baseAddress!, byteCount: $0.count)
    }
    #expect(pages.count == Self.window / SystemPage.size)
  }

  @Test(.timeLimit(.minutes(2)), arguments: BackendKind.allCases)
  func `What is prefetched is there`(kind: BackendKind) async throws {
    let maps = try maps(kind)
    try maps.prefetch(path, ranges: [0..<Int64(Self.window * 3)])
    var cursor = try maps.cursor(for: path)
    while maps.statistics.counts.loads < 3 { usleep(1000) }
    let misses = maps.statistics.counts.misses
    for window in 0..<3 { try check(&cursor, window * Self.window, Self.window) }
    #expect(maps.statistics.counts.misses == misses)
  }

  @Test(arguments: BackendKind.allCases)
  func `After shutting down leases stay, and then nothing`(kind: BackendKind) throws {
    let maps = try maps(kind)
    let held = Held(try maps.cursor(for: path))
    try held.cursor.use(at: Int64(3 * Self.window), count: 100)
    var other = try maps.cursor(for: path)
    for window in 4..<8 { try check(&other, window * Self.window, 10) }
    maps.shutdown()
    #expect(view(held.cursor) == .of(bytes, 3 * Self.window..<3 * Self.window + 100))
    #expect(mapError { try other.use(at: 0, count: 1) }?.code == .shutdown)
    held.cursor.release()
    let usage = maps.statistics.usage
    #expect(usage.regions == 0 && usage.addresses == 0 && usage.maps == 0)
    #expect(scratch.maps == 0 && scratch.descriptors == 0)
  }

  @Test func `Addresses that are overshot are counted`() throws {
    let maps = SlidingWindowMapManager(
      backend: .mmap, budget: .fixed(bytes: Self.window * 32, addresses: Self.window * 4),
      windowSize: Self.window)
    var cursors: [Held] = []
    for window in 0..<6 {
      let held = Held(try maps.cursor(for: path))
      try held.cursor.use(at: Int64(window * Self.window), count: 10)
      cursors.append(held)
    }
    let statistics = maps.statistics
    #expect(statistics.counts.overshoots == 2, "\(statistics)")
    #expect(statistics.peak.addresses == 6 * Self.window)
    // What fits ends nothing that is overshot.
    var small = try maps.cursor(for: scratch.write("small", [1, 2, 3]))
    try small.use(at: 0, count: 3)
    for held in cursors { held.cursor.release() }
    #expect(maps.statistics.usage.addresses <= 4 * Self.window)
    var cursor = try maps.cursor(for: path)
    try check(&cursor, 20 * Self.window, 10)
    #expect(maps.statistics.usage.addresses <= 4 * Self.window)
  }

  @Test func `Where whole files fit they are whole`() throws {
    let small = try (0..<4).map { try scratch.write("small\($0)", content(3 * Self.window)) }
    let maps = try maps()
    for path in small {
      var cursor = try maps.cursor(for: path)
      try cursor.use(at: 0, count: 10)
    }
    try #expect(ProcessResources.maps(under: small[0]) == 1)
    // And leave for those that don't.
    var cursor = try maps.cursor(for: path)
    for window in 0..<32 { try check(&cursor, window * Self.window, 10) }
    #expect(maps.statistics.usage.regions == 8)
    #expect(maps.statistics.usage.addresses <= Self.window * Self.windows / 4)
  }
}

/// A budget that changes.
private final class Allowance: Budget {
  private let now: Locked<FixedBudget>
  init(_ budget: FixedBudget) { now = Locked(budget) }
  func set(_ budget: FixedBudget) { now.withLock { $0 = budget } }
  func limits(holding usage: BudgetUsage) -> BudgetLimits {
    now.withLock { $0 }.limits(holding: usage)
  }
}
