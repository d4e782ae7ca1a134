public import MapProtocols

/// Unloads any region, each equally likely: no pattern of use can defeat it, and none is rewarded.
///
/// Deterministic for one seed. The regions are kept in random order and leave from its end; a new one trades places with
/// a random one, which keeps every order equally likely. So a victim stays the victim until something changes, and the
/// next ones are known in advance. A pinned victim waits aside until the next miss or until nobody else is left, so that
/// one round never asks for a region twice. Every region counts the same, whatever its size.
public struct RandomReplacement: EvictionPolicy {
  /// First the candidates in random order, the next victim last; then those set aside, the last to come first.
  private var order: [RegionSlot] = []
  /// How many of `order` are candidates.
  private var candidates = 0
  /// Where in `order` a slot stands.
  private var positions: [UInt32] = []
  private var source: SplitMix64

  private static let absent = UInt32.max

  /// A policy that holds nothing yet. O(1).
  ///
  /// - Parameter seed: what the choices depend on; the same seed gives the same choices.
  public init(seed: UInt64 = 1) { source = SplitMix64(seed: seed) }

  /// "random". O(1).
  public var name: String { "random" }

  /// Not at all. O(1).
  public var hits: HitReporting { .none }

  /// Those set aside are candidates again. O(1) amortized.
  public mutating func miss(_ key: RegionKey) { readmit() }

  /// Puts a region at a random place of the order. O(1) amortized.
  public mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) {
    if slot.index >= positions.count {
      let missing = max(slot.index + 1, positions.count * 2) - positions.count
      positions.append(contentsOf: repeatElement(Self.absent, count: missing))
    }
    precondition(positions[slot.index] == Self.absent, "the slot is held already")
    positions[slot.index] = UInt32(order.count)
    order.append(slot)
    readmit()
  }

  /// The last candidate of the order. O(1) amortized.
  public mutating func victim(_ references: ReferenceTable) -> RegionSlot? {
    if candidates == 0 { readmit() }
    return candidates == 0 ? nil : order[candidates - 1]
  }

  /// Sets the victim aside until the next miss. O(1).
  public mutating func pinned(_ slot: RegionSlot) {
    let position = Int(positions[slot.index])
    guard position < candidates else { return }
    candidates -= 1
    exchange(position, candidates)
  }

  /// Forgets a region. O(1).
  public mutating func remove(_ slot: RegionSlot, evicted: Bool) {
    var position = Int(positions[slot.index])
    if position < candidates {
      candidates -= 1
      exchange(position, candidates)
      position = candidates
    }
    exchange(position, order.count - 1)
    order.removeLast()
    positions[slot.index] = Self.absent
  }

  /// The last `count` candidates, exactly the next victims. O(`count`).
  public func upcoming(
    _ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot]
  ) {
    slots.append(contentsOf: order[..<candidates].suffix(count).reversed())
  }

  /// All regions, the next victim first and those set aside last. O(n).
  public func evictionOrder() -> [RegionSlot] {
    order[..<candidates].reversed() + order[candidates...].reversed()
  }

  /// Checks that order and positions agree. O(n).
  public func _checkInvariants() {
    precondition((0...order.count).contains(candidates), "more candidates than regions")
    for (position, slot) in order.enumerated() {
      precondition(positions[slot.index] == UInt32(position), "a position is wrong")
    }
    let held = positions.reduce(0) { $1 == Self.absent ? $0 : $0 + 1 }
    precondition(held == order.count, "a slot has a position but is not held")
  }

  /// Makes everything behind the candidates one of them, at a random place each.
  private mutating func readmit() {
    while candidates < order.count {
      candidates += 1
      exchange(source.draw(below: candidates), candidates - 1)
    }
  }

  private mutating func exchange(_ a: Int, _ b: Int) {
    guard a != b else { return }
    order.swapAt(a, b)
    positions[order[a].index] = UInt32(a)
    positions[order[b].index] = UInt32(b)
  }
}

extension EvictionPolicy where Self == RandomReplacement {
  /// Unloads any region, always in the same sequence.
  public static var random: RandomReplacement { RandomReplacement() }
  /// Unloads any region, in a sequence that `seed` determines.
  public static func random(seed: UInt64) -> RandomReplacement { RandomReplacement(seed: seed) }
}
