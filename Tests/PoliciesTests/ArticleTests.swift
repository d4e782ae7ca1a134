import MapProtocols
import MapTesting
import Testing

/// The policies of the article on writing one, as they stand there.
struct ArticleTests {
  @Test func ordered() throws {
    try PolicyConformance.check(Oldest(), operations: 100_000) { LRUModel() }
  }
  @Test func counted() throws {
    try PolicyConformance.check(Sieve(), operations: 100_000) { SIEVEModel() }
  }
}

/// LRU: the region goes that was not used for the longest time.
private struct Oldest: EvictionPolicy {
  private var lastUse: [RegionSlot: Int] = [:]
  private var now = 0

  var name: String { "oldest" }
  var hits: HitReporting { .ordered }

  mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) { use(slot) }

  mutating func hit(_ slots: Span<RegionSlot>) {
    for index in slots.indices { use(slots[index]) }
  }

  mutating func victim(_ references: ReferenceTable) -> RegionSlot? {
    lastUse.min { $0.value < $1.value }?.key
  }

  mutating func pinned(_ slot: RegionSlot) { use(slot) }

  mutating func remove(_ slot: RegionSlot, evicted: Bool) { lastUse[slot] = nil }

  func evictionOrder() -> [RegionSlot] {
    lastUse.sorted { $0.value < $1.value }.map(\.key)
  }

  private mutating func use(_ slot: RegionSlot) {
    now += 1
    lastUse[slot] = now
  }
}

/// SIEVE: regions stand in the order in which they were loaded; a hand goes from old to new, clears marks, and
/// takes the first region without one.
private struct Sieve: EvictionPolicy {
  private var queue: [RegionSlot] = []  // the oldest first
  private var hand = 0

  var name: String { "sieve" }
  var hits: HitReporting { .counted(upTo: 1) }

  mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) { queue.append(slot) }

  mutating func victim(_ references: ReferenceTable) -> RegionSlot? {
    if queue.isEmpty { return nil }
    // Readers may set marks meanwhile: one round clears them all, a second would find any region.
    for _ in 0...queue.count {
      if references.count(of: queue[hand]) == 0 { break }
      references.setCount(of: queue[hand], to: 0)
      advance()
    }
    return queue[hand]
  }

  /// Passed over as if it had a mark.
  mutating func pinned(_ slot: RegionSlot) { advance() }

  mutating func remove(_ slot: RegionSlot, evicted: Bool) {
    guard let index = queue.firstIndex(of: slot) else { return }
    queue.remove(at: index)
    if index < hand { hand -= 1 }
    if hand == queue.count { hand = 0 }
  }

  func upcoming(
    _ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot]
  ) {
    slots += evictionOrder().lazy.filter { references.count(of: $0) == 0 }.prefix(count)
  }

  func evictionOrder() -> [RegionSlot] { Array(queue[hand...] + queue[..<hand]) }

  private mutating func advance() { hand = (hand + 1) % queue.count }
}
