public import MapProtocols

/// Unloads the region that was loaded first, whatever was used since: the least work on a hit, none at all.
///
/// Every region counts the same, whatever its size. A pinned victim goes to the end.
public struct FIFO: EvictionPolicy {
  /// The oldest comes first.
  private var order = SlotQueues<1, Void>(empty: ())

  /// A policy that holds nothing yet. O(1).
  public init() {}

  /// "fifo". O(1).
  public var name: String { "fifo" }

  /// Not at all. O(1).
  public var hits: HitReporting { .none }

  /// Notes a region as the newest. O(1) amortized.
  public mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) { order.append(slot, ()) }

  /// The region that was loaded first. O(1).
  public mutating func victim(_ references: ReferenceTable) -> RegionSlot? { order.first() }

  /// Queues the victim again as if it had been loaded just now. O(1).
  public mutating func pinned(_ slot: RegionSlot) { order.moveToEnd(slot) }

  /// Forgets a region. O(1).
  public mutating func remove(_ slot: RegionSlot, evicted: Bool) { order.remove(slot) }

  /// The `count` oldest regions, exactly the next victims. O(`count`).
  public func upcoming(
    _ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot]
  ) {
    slots.append(contentsOf: order.slots().prefix(count))
  }

  /// All regions, the oldest first. O(n).
  public func evictionOrder() -> [RegionSlot] { Array(order.slots()) }

  /// Checks the queue. O(n).
  public func _checkInvariants() { order.checkInvariants() }
}

extension EvictionPolicy where Self == FIFO {
  /// Unloads the region that was loaded first.
  public static var fifo: FIFO { FIFO() }
}
