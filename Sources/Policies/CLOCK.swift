public import MapProtocols

/// Unloads the first region that was not used since a hand last passed it: nearly LRU's choices, and a hit only sets a
/// mark, without a log or a lock.
///
/// Regions stand in a ring. The hand goes round; a marked region loses a mark and is passed, the first without one is the
/// victim. A new region stands just behind the hand without a mark, so that one used only once leaves at the hand's first
/// visit. `.clock` has one mark for each region; `.clock2Bit` counts up to three uses, which tells regions used often from
/// those used twice. Every region counts the same, whatever its size. The marks are the counts of the `ReferenceTable`; a
/// slot's count is 0 when it is inserted.
public struct CLOCK: EvictionPolicy {
  /// The ring, cut open at the hand: the first is what the hand points to, the last what it passed last.
  private var ring = SlotQueues<1, Void>(empty: ())
  /// Marks a region can have.
  private let limit: Int

  /// A ring without regions. O(1).
  ///
  /// - Parameter bits: the size of the counts, 1 or 2.
  public init(bits: Int = 1) {
    precondition(bits == 1 || bits == 2, "a clock counts in one or two bits")
    limit = 1 << bits - 1
  }

  /// "clock" or "clock2bit". O(1).
  public var name: String { limit == 1 ? "clock" : "clock2bit" }

  /// As a count that stops at 1 or 3. O(1).
  public var hits: HitReporting { .counted(upTo: limit) }

  /// Puts a region just behind the hand. O(1) amortized.
  public mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) { ring.append(slot, ()) }

  /// The first region in the hand's way that has no mark; those before it lose one.
  ///
  /// - Complexity: O(1) amortized over hits, each of which can hold the hand up once; O(n) in the worst case.
  public mutating func victim(_ references: ReferenceTable) -> RegionSlot? {
    // In one thread `limit` rounds clear every mark; readers that set marks meanwhile must not keep the hand going.
    var steps = (limit + 1) * ring.count()
    let limit = limit
    return ring.rotate { slot, soon, later in
      if let later { references.prefetchPlace(later) }
      if let soon { references.prefetch(soon) }
      let marks = references.count(of: slot)
      if marks == 0 || steps == 0 { return true }
      references.setCount(of: slot, to: min(marks, limit) - 1)
      steps -= 1
      return false
    }
  }

  /// Passes the victim as if it had had a mark. O(1).
  public mutating func pinned(_ slot: RegionSlot) { ring.moveToEnd(slot) }

  /// Forgets a region; if the hand pointed to it, it points to the next. O(1).
  public mutating func remove(_ slot: RegionSlot, evicted: Bool) { ring.remove(slot) }

  /// The regions without a mark that the hand will come to first.
  ///
  /// - Complexity: O(`count`): it looks at eight regions for each one asked for and then gives up.
  public func upcoming(
    _ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot]
  ) {
    let candidates = ring.slots().prefix(8 * min(count, ring.count()))
    slots.append(
      contentsOf: candidates.lazy.filter { references.count(of: $0) == 0 }.prefix(count))
  }

  /// All regions in the order in which the hand will come to them, whatever their marks. O(n).
  public func evictionOrder() -> [RegionSlot] { Array(ring.slots()) }

  /// Checks the ring. O(n).
  public func _checkInvariants() { ring.checkInvariants() }
}

extension EvictionPolicy where Self == CLOCK {
  /// Unloads the first region not used since the hand last passed it.
  public static var clock: CLOCK { CLOCK() }
  /// `clock` with counts up to three instead of a mark.
  public static var clock2Bit: CLOCK { CLOCK(bits: 2) }
}
