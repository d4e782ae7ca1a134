public import MapProtocols

/// Unloads the first region that was not used since a hand last passed it, and lets no new one stand in the hand's way:
/// scans leave fast, and a hit only sets a mark.
///
/// Regions stand in the order in which they were loaded and never move. The hand starts at the oldest, goes towards the
/// newest, takes away marks, and stops at the first region without one, which goes; from the newest it starts again. What
/// differs from `CLOCK` is only that new regions join at the end of the queue instead of behind the hand, so that what
/// survived is left alone while new regions are sifted. After Zhang, Yang, Yue, Vigfusson and Rashmi, "SIEVE is Simpler
/// than LRU", NSDI 2024. Better than `LRU` where few regions are used most; worse where the working set drifts.
///
/// Every region counts the same, whatever its size, and no share depends on the capacity. A pinned victim is passed as if
/// it had had a mark.
public struct SIEVE: EvictionPolicy {
  /// The oldest comes first.
  private var order = SlotLists()
  /// Where the hand stands; nil at the oldest, also if that changes.
  private var hand: RegionSlot?
  private var count = 0

  /// A queue without regions. O(1).
  public init() {}

  /// "sieve". O(1).
  public var name: String { "sieve" }

  /// As a mark. O(1).
  public var hits: HitReporting { .counted(upTo: 1) }

  /// Notes a region as the newest, without a mark. O(1) amortized.
  public mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) {
    order.append(slot)
    count += 1
  }

  /// The first region without a mark from the hand on, which stops there; those before it lose theirs.
  ///
  /// - Complexity: O(1) amortized over hits, each of which can hold the hand up once; two rounds in the worst case, also
  ///   if readers set marks meanwhile.
  public mutating func victim(_ references: ReferenceTable) -> RegionSlot? {
    guard var slot = hand ?? order.first() else { return nil }
    var steps = 2 * count
    while steps > 0, references.count(of: slot) > 0 {
      references.setCount(of: slot, to: 0)
      guard let next = order.next(after: slot) ?? order.first() else { break }
      slot = next
      steps -= 1
    }
    hand = slot
    return slot
  }

  /// Passes the victim. O(1).
  public mutating func pinned(_ slot: RegionSlot) { pass(slot) }

  /// Forgets a region; if the hand is there, it goes on to the next newer one. O(1).
  public mutating func remove(_ slot: RegionSlot, evicted: Bool) {
    pass(slot)
    order.remove(slot)
    count -= 1
  }

  /// The regions without a mark that the hand will come to first.
  ///
  /// - Complexity: O(`count`): it looks at eight regions for each one asked for and then gives up.
  public func upcoming(
    _ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot]
  ) {
    var missing = min(count, self.count)
    var steps = min(8 * missing, self.count)
    var current = hand ?? order.first()
    while missing > 0, steps > 0, let slot = current {
      if references.count(of: slot) == 0 {
        slots.append(slot)
        missing -= 1
      }
      steps -= 1
      current = order.next(after: slot) ?? order.first()
    }
  }

  /// All regions in the order in which the hand will come to them, whatever their marks. O(n).
  public func evictionOrder() -> [RegionSlot] {
    let slots = order.slots()
    let start = slots.firstIndex { $0 == hand } ?? 0
    return Array(slots[start...] + slots[..<start])
  }

  /// Checks the queue, its count and the hand. O(n).
  public func _checkInvariants() {
    order.checkInvariants()
    precondition(order.slots().count == count, "the count is wrong")
    if let hand { precondition(order.contains(hand), "the hand points to a region that left") }
  }

  private mutating func pass(_ slot: RegionSlot) {
    if hand == slot { hand = order.next(after: slot) }
  }
}

extension EvictionPolicy where Self == SIEVE {
  /// Unloads the first region not used since the hand last passed it; new ones join at the far end.
  public static var sieve: SIEVE { SIEVE() }
}
