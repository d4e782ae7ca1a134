import MapTestSupport
import MapTesting
import SlidingMap
import Synchronization
import Testing

/// What others ask of a manager all the time costs readers none of their hits, and leaves them the lock.
struct ServiceBesideReadersTests {
  enum Service: CaseIterable, Sendable {
    case statistics, setPolicy, collect

    func perform(_ maps: MapManager) {
      switch self {
      case .statistics: _ = maps.statistics
      case .setPolicy: maps.setPolicy(.lru)
      case .collect: _ = maps.collect()
      }
    }
  }

  private static let windows = 3_000

  @Test(arguments: Service.allCases)
  func `LRU learns of every hit`(service: Service) throws {
    let scratch = try Scratch()
    let path = try scratch.resize("file", to: Int64(2 * Self.windows) << 12)
    let maps = SlidingWindowMapManager(
      policy: .lru, budget: .fixed(regions: Self.windows), windowSize: 4096)
    // A lease over all, so that nothing is collected.
    var holder = try maps.cursor(for: path)
    try holder.use(at: 0, count: Self.windows << 12)
    let holding = Held(holder)
    let isOver = Atomic(false)
    try onThreads(2) { thread in
      if thread == 0 {
        while !isOver.load(ordering: .relaxed) { service.perform(maps) }
        return
      }
      defer { isOver.store(true, ordering: .relaxed) }
      var cursor = try maps.cursor(for: path)
      var dice = Dice(seed: 13)
      for _ in 0..<300_000 { try cursor.use(at: Int64(dice.draw(Self.windows)) << 12, count: 8) }
      // The last use of each, in an order that is no other's.
      for step in 0..<Self.windows { try cursor.use(at: Self.place(step), count: 8) }
    }
    #expect(maps.statistics.counts.droppedHits == 0)
    holding.cursor.release()

    var cursor = try maps.cursor(for: path)
    for window in 0..<Self.windows / 2 {
      try cursor.use(at: Int64(Self.windows + window) << 12, count: 8)
    }
    let misses = maps.statistics.counts.misses
    for step in Self.windows / 2..<Self.windows { try cursor.use(at: Self.place(step), count: 8) }
    #expect(maps.statistics.counts.misses == misses)
    for step in 0..<Self.windows / 4 { try cursor.use(at: Self.place(step), count: 8) }
    #expect(maps.statistics.counts.misses == misses + Self.windows / 4)
  }

  /// Where the window lies that is used as the so many-th.
  private static func place(_ step: Int) -> Int64 { Int64(step * 1_709 % windows) << 12 }

  @Test func `Windows under several leases count once`() throws {
    let scratch = try Scratch()
    let path = try scratch.resize("file", to: 64 << 12)
    let maps = SlidingWindowMapManager(windowSize: 4096)
    var cursors = try (0..<4).map { _ in Held(try maps.cursor(for: path)) }
    let leases = [0..<10, 5..<12, 20..<21, 20..<30]
    for (held, lease) in zip(cursors, leases) {
      try held.cursor.use(at: Int64(lease.lowerBound) << 12, count: lease.count << 12)
    }
    #expect(maps.statistics.pinned == 22)
    cursors = []
    #expect(maps.statistics.pinned == 0)
  }

  /// First in, first out, in an object, of which there is no copy.
  private final class ObjectPolicy: EvictionPolicy, @unchecked Sendable {
    private var queue: [RegionSlot] = []
    var name: String { "object" }
    var hits: HitReporting { .none }
    func insert(_ slot: RegionSlot, _ region: RegionInfo) { queue.append(slot) }
    func victim(_ references: ReferenceTable) -> RegionSlot? { queue.first }
    func remove(_ slot: RegionSlot, evicted: Bool) { queue.removeAll { $0 == slot } }
    func pinned(_ slot: RegionSlot) {
      remove(slot, evicted: false)
      queue.append(slot)
    }
    func evictionOrder() -> [RegionSlot] { queue }
  }

  @Test func `A policy that is an object hands over while others miss`() throws {
    let scratch = try Scratch()
    let path = try scratch.resize("file", to: 256 << 12)
    let maps = SlidingWindowMapManager(
      policy: ObjectPolicy(), budget: .fixed(regions: 16), windowSize: 4096)
    let isOver = Atomic(false)
    try onThreads(2) { thread in
      if thread == 0 {
        while !isOver.load(ordering: .relaxed) { maps.setPolicy(ObjectPolicy()) }
        return
      }
      defer { isOver.store(true, ordering: .relaxed) }
      var cursor = try maps.cursor(for: path)
      var dice = Dice(seed: 17)
      for _ in 0..<20_000 { try cursor.use(at: Int64(dice.draw(256)) << 12, count: 8) }
    }
    #expect(maps.statistics.usage.regions <= 16)
    #expect(maps.statistics.policy == "object")
  }
}
