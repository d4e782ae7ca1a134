import SlidingMap
import Synchronization
import Testing

/// Which slots a policy is given: those that are free, and side by side once all are.
struct SlotTests {
  private final class Seen: Sendable {
    private let numbers = Mutex<[Int]>([])
    func note(_ slot: RegionSlot) { numbers.withLock { $0.append(slot.index) } }
    /// Those given since the last call.
    func take() -> [Int] {
      numbers.withLock { numbers in
        defer { numbers = [] }
        return numbers
      }
    }
  }

  /// First in, first out; notes what it is given.
  private struct Noting: EvictionPolicy {
    let seen: Seen
    var queue: [RegionSlot] = []

    init(_ seen: Seen) { self.seen = seen }
    var name: String { "noting" }
    var hits: HitReporting { .none }
    mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) {
      seen.note(slot)
      queue.append(slot)
    }
    mutating func victim(_ references: ReferenceTable) -> RegionSlot? { queue.first }
    mutating func pinned(_ slot: RegionSlot) {
      queue.removeAll { $0 == slot }
      queue.append(slot)
    }
    mutating func remove(_ slot: RegionSlot, evicted: Bool) { queue.removeAll { $0 == slot } }
    func upcoming(_ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot]) {}
    func evictionOrder() -> [RegionSlot] { queue }
  }

  private static let windowSize = 65_536
  private static let windows = 16

  private func use(_ windows: [Int], by cursor: inout WindowCursor) throws {
    for window in windows { try cursor.use(at: Int64(window * Self.windowSize), count: 1) }
  }

  @Test func slotsBeginAnewOnceAllAreFree() throws {
    let scratch = try Scratch()
    let path = try scratch.write("file", content(Self.windows * Self.windowSize))
    let seen = Seen()
    let maps = SlidingWindowMapManager(
      backend: .mmap, policy: Noting(seen), budget: .fixed(regions: 64), windowSize: Self.windowSize
    )
    var cursor = try maps.cursor(for: path)
    try use(Array(0..<Self.windows), by: &cursor)
    #expect(seen.take() == Array(0..<Self.windows))

    // The last one is in use: the slots of the others are given again, in whatever order, and no more.
    #expect(maps.collect() == Self.windows - 1)
    try use(Array(0..<Self.windows), by: &cursor)
    #expect(seen.take().sorted() == Array(0..<Self.windows - 1))

    cursor.release()
    #expect(maps.collect() == Self.windows)
    try use([5, 0, 9, 3], by: &cursor)
    #expect(seen.take() == [0, 1, 2, 3])
  }
}
