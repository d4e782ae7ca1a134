public import MapProtocols

/// Unloads the least recently used region: the default, good wherever what was used lately will be used again.
///
/// Exact in one thread; every region counts the same, whatever its size. A single scan of more than the budget empties it;
/// `.clock2Bit` resists that better.
public struct LRU: EvictionPolicy {
  /// The least recently used comes first.
  private var order = SlotLists()

  /// A policy that holds nothing yet. O(1).
  public init() {}

  /// "lru". O(1).
  public var name: String { "lru" }

  /// Every hit, in order. O(1).
  public var hits: HitReporting { .ordered }

  /// Notes a region as the most recently used. O(1) amortized.
  public mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) { order.append(slot) }

  /// Notes uses, the last as the most recent. O(k) for k uses.
  public mutating func hit(_ slots: Span<RegionSlot>) { order.moveToEnd(slots) }

  /// The least recently used region. O(1).
  public mutating func victim(_ references: ReferenceTable) -> RegionSlot? { order.first() }

  /// Notes the victim as the most recently used. O(1).
  public mutating func pinned(_ slot: RegionSlot) { order.moveToEnd(slot) }

  /// Forgets a region. O(1).
  public mutating func remove(_ slot: RegionSlot, evicted: Bool) { order.remove(slot) }

  /// The `count` least recently used regions, exactly the next victims as long as none is used. O(`count`).
  public func upcoming(
    _ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot]
  ) {
    order.copyFirst(count, into: &slots)
  }

  /// All regions, the least recently used first. O(n).
  public func evictionOrder() -> [RegionSlot] { order.slots() }

  /// Checks the list that keeps the order. O(n).
  public func _checkInvariants() { order.checkInvariants() }
}

extension EvictionPolicy where Self == LRU {
  /// Unloads the least recently used region.
  public static var lru: LRU { LRU() }
}
