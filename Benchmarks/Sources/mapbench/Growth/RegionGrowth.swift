import BenchmarkSupport
import SlidingMap

/// What hits and misses take in a manager that holds so many regions, all of one file.
struct RegionGrowth: GrowthBench, ~Copyable {
  static let operations = ["hit", "miss, room", "miss, eviction"]

  static let windowSize = 4096
  /// Fewer are not timed at a time, so that reading the clock does not count.
  private static let least = 1 << 14
  private static let hits = 1 << 18

  let size: GrowthSize
  private var count: Int { size.count }
  private let provider: NominalProvider
  private let maps: MapManager
  private var cursor: WindowCursor
  private var plain: PlainCache
  /// Each window once, in random order: the first `count` fill the budget, the others come in their place.
  private let order: [Int]
  /// Of the first ones, at random.
  private let used: [Int]

  init(_ policy: PolicyName, regions count: Int) throws {
    let windows = count + max(count, Self.least)
    let provider = try NominalProvider(files: 1, fileSize: windows * Self.windowSize)
    let maps = policy.slidingManager(
      .fixed(bytes: count * Self.windowSize), windowSize: Self.windowSize, backend: provider)
    cursor = try maps.cursor(for: NominalProvider.path(0))
    size = GrowthSize(count: count, unit: "region")
    self.provider = provider
    self.maps = maps
    plain = PlainCache(windows: windows, capacity: count, isOrdered: policy == .lru)
    var generator = SeededGenerator(seed: 41)
    order = (0..<windows).shuffled(using: &generator)
    used = (0..<Self.hits).map { _ in generator.below(count) }
    // Both find the pages mapped.
    var sum: UInt64 = 0
    for window in 0..<windows { sum &+= provider.word(at: window * Self.windowSize) }
    blackHole(sum)
  }

  mutating func round() throws -> [GrowthTimes] {
    let fills = max(Self.least / count, 1)
    var times = (ours: 0.0, plain: 0.0)
    for _ in 0..<fills {
      empty()
      times.ours += try processorSeconds { try use(order[..<count]) }
      times.plain += processorSeconds { usePlain(order[..<count]) }
    }
    let filled = Double(fills * count) / 1e9
    let free = GrowthTimes(ours: times.ours / filled, plain: times.plain / filled)

    let used = used.map { order[$0] }
    let hit = GrowthTimes(
      ours: try processorSeconds { try use(used[...]) } / Double(used.count) * 1e9,
      plain: processorSeconds { usePlain(used[...]) } / Double(used.count) * 1e9)

    // Counts and marks that the hits left are gone with the regions.
    empty()
    try use(order[..<count])
    usePlain(order[..<count])
    let rest = order[count...]
    let before = maps.statistics.counts.evictions
    let time = try processorSeconds { try use(rest) }
    let full = GrowthTimes(
      ours: time / Double(maps.statistics.counts.evictions - before) * 1e9,
      plain: processorSeconds { usePlain(rest) } / Double(rest.count) * 1e9)
    return [hit, free, full]
  }

  private mutating func empty() {
    cursor.release()
    maps.collect()
    plain.empty()
  }

  @inline(never)
  private mutating func use(_ windows: ArraySlice<Int>) throws {
    var sum: UInt64 = 0
    for window in windows {
      try cursor.use(at: Int64(window * Self.windowSize), count: 8)
      sum &+= cursor.bytes.word(at: 0)
    }
    blackHole(sum)
  }

  @inline(never)
  private mutating func usePlain(_ windows: ArraySlice<Int>) {
    var sum: UInt64 = 0
    for window in windows {
      if !plain.use(window) { plain.load(window) }
      sum &+= provider.word(at: window * Self.windowSize)
    }
    blackHole(sum)
  }
}
