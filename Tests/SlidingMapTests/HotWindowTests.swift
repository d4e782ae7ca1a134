import MapTestSupport
import MapTesting
import SlidingMap
import SystemPackage
import Testing

/// Windows that prove themselves keep their pages under pressure, though their file is read at random.
@Suite(.enabled(if: ProcessResources.isAvailable))
struct HotWindowTests {
  private static let window = 1 << 20
  private static let windows = 24
  private let scratch: Scratch
  private let path: FilePath

  init() throws {
    scratch = try Scratch()
    path = try scratch.resize("file", to: Int64(Self.window * Self.windows))
  }

  private func maps(
    _ budget: some Budget = .fixed(regions: 4), pattern: AccessPattern = .learned
  ) -> SlidingWindowMapManager {
    SlidingWindowMapManager(
      backend: .mmap, policy: .lru, budget: budget, windowSize: Self.window, pattern: pattern)
  }

  /// Requests far from one another, each in a window of its own.
  private func scatter(_ cursor: inout WindowCursor) throws {
    for step in 0..<12 { try use(step * 7 % Self.windows, &cursor) }
  }

  private func use(_ window: Int, _ cursor: inout WindowCursor) throws {
    try cursor.use(at: Int64(window * Self.window + 300_000), count: 64)
  }

  /// Which of the windows lie in maps that are told of random reads.
  private func random(_ cursor: inout WindowCursor) throws -> [Int] {
    try use(0, &cursor)
    let first = unsafe cursor.bytes.withUnsafeBytes {
      UInt(bitPattern: $0.baseAddress) - 300_000
    }
    return try (0..<Self.windows).filter { window in
      try KernelMap.at(first + UInt(window * Self.window))?.flags.contains("rr") == true
    }
  }

  @Test func `A window that is hit more often than it has pages is kept`() throws {
    let maps = maps()
    var cursor = try maps.cursor(for: path)
    try scatter(&cursor)
    try #expect(random(&cursor) == Array(0..<Self.windows))
    #expect(maps.statistics.usage.maps == 1)
    for _ in 0..<2_000 { for window in [3, 9] { try use(window, &cursor) } }
    try #expect(random(&cursor) == (0..<Self.windows).filter { $0 != 3 && $0 != 9 })
    #expect(maps.statistics.usage.maps == 5)

    // Once they leave they are like all others.
    try scatter(&cursor)
    try #expect(random(&cursor) == Array(0..<Self.windows))
    #expect(maps.statistics.usage.maps == 1)
    try #expect(KernelMap.under(path.string).count == 1)
  }

  @Test func `What nobody misses any more is learned, too`() throws {
    let maps = maps(.unlimited)
    var cursor = try maps.cursor(for: path)
    for window in 0..<Self.windows { try use(window * 7 % Self.windows, &cursor) }
    let misses = maps.statistics.counts.misses
    for step in 0..<600 * Self.windows { try use(step * 7 % Self.windows, &cursor) }
    #expect(maps.statistics.counts.misses == misses)
    try #expect(random(&cursor).isEmpty)
    // Neighbours are one map to the kernel, beside the room for growth, and counted each.
    try #expect(KernelMap.under(path.string).count == 2)
    cursor.release()
    #expect(maps.collect() == Self.windows)
    #expect(maps.statistics.usage.maps == 1)
  }

  @Test(arguments: [1, 8])
  func `Few maps are left for that where few are allowed`(count: Int) throws {
    let maps = maps(.fixed(regions: 6, maps: count))
    var cursor = try maps.cursor(for: path)
    try scatter(&cursor)
    for _ in 0..<2_000 { for window in [3, 9, 15] { try use(window, &cursor) } }
    // Of eight maps half are for that: the file's own, and two for one window.
    try #expect(random(&cursor).count == Self.windows - (count == 8 ? 1 : 0))
    #expect(maps.statistics.usage.maps == (count == 8 ? 3 : 1))
  }

  @Test(arguments: [AccessPattern.random, .normal])
  func `A pattern that was given stays`(pattern: AccessPattern) throws {
    let maps = maps(pattern: pattern)
    var cursor = try maps.cursor(for: path)
    try scatter(&cursor)
    for _ in 0..<2_000 { for window in [3, 9] { try use(window, &cursor) } }
    try #expect(random(&cursor).count == (pattern == .random ? Self.windows : 0))
    #expect(maps.statistics.usage.maps == 1)
  }

  @Test func `A file that is read on is ordinary as a whole`() throws {
    let maps = maps(.unlimited)
    var cursor = try maps.cursor(for: path)
    try scatter(&cursor)
    for _ in 0..<2_000 { for window in [3, 9] { try use(window, &cursor) } }
    #expect(maps.statistics.usage.maps == 5)
    var offset: Int64 = 0
    while try cursor.use(at: offset) { offset = cursor.range.upperBound }
    try #expect(random(&cursor).isEmpty)
    #expect(maps.statistics.usage.maps == 1)

    // And told apart again when it is not.
    maps.unload(under: path)
    var other = try maps.cursor(for: path)
    try scatter(&other)
    cursor.release()
    for _ in 0..<2_000 { for window in [3, 9] { try use(window, &other) } }
    try #expect(random(&other).count == Self.windows - 2)
  }
}
