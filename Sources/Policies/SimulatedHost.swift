internal import MapProtocols

/// What a manager keeps of its regions beside the policy, in a simulation: which is where, and the hits not told yet.
///
/// Unchecked: only the table of counts can be shared, and `own` parts with copies before anything is changed.
struct SimulatedHost: @unchecked Sendable {
  /// Hits told in one call to policies that want their order, as a manager collects them.
  private static let batchSize = 4096
  private static let absent: Int32 = -1

  /// How many regions fit.
  let capacity: Int
  /// The counts that hits leave for policies that want them so, for `room` slots.
  private(set) var references = ReferenceTable(slots: 0)
  private var room = 0
  private let limit: UInt8?
  /// The slot of each region, or `absent`.
  private var slots: [Int32] = []
  /// The region in each slot that was ever taken.
  private var regions: [Int32] = []
  /// The slot that an eviction left free.
  private var free: RegionSlot?
  private var unreported: [RegionSlot] = []

  init(hits: HitReporting, capacity: Int) {
    self.capacity = capacity
    limit = hits.limit
  }

  var loadedCount: Int { regions.count - (free == nil ? 0 : 1) }

  var isFull: Bool { regions.count == capacity && free == nil }

  static func info(of key: RegionKey) -> RegionInfo {
    RegionInfo(key: key, byteCount: 1, reloadCost: 1)
  }

  /// Where a region is, or nil.
  @inline(__always)
  func slot(of region: Int) -> RegionSlot? {
    guard region < slots.count, slots[region] != Self.absent else { return nil }
    return RegionSlot(Int(slots[region]))
  }

  /// Notes a hit, and says whether the policy should be told now.
  @inline(__always)
  mutating func note(_ slot: RegionSlot) -> Bool {
    if let limit {
      if limit > 0 { references.mark(slot, limit: limit) }
      return false
    }
    unreported.append(slot)
    return unreported.count == Self.batchSize
  }

  /// Tells the policy of the hits noted so far.
  @inline(__always)
  mutating func report(to policy: inout some EvictionPolicy) {
    if unreported.isEmpty { return }
    policy.hit(unreported.span)
    unreported.removeAll(keepingCapacity: true)
  }

  /// Takes a slot for a region; there is room. O(1) amortized.
  mutating func load(_ region: Int) -> RegionSlot {
    precondition((0..<Int(Int32.max)).contains(region), "a region's number is below 2^31")
    if region >= slots.count {
      let missing = max(region + 1, slots.count * 2) - slots.count
      slots.append(contentsOf: repeatElement(Self.absent, count: missing))
    }
    precondition(slots[region] == Self.absent, "the region is loaded already")
    let slot = free ?? RegionSlot(regions.count)
    if free == nil { regions.append(Int32(region)) } else { regions[slot.index] = Int32(region) }
    free = nil
    if regions.count > room { resize(max(regions.count, min(capacity, room * 2))) }
    slots[region] = Int32(slot.index)
    references.setCount(of: slot, to: 0)
    return slot
  }

  /// Frees a slot.
  mutating func unload(_ slot: RegionSlot) {
    slots[Int(regions[slot.index])] = Self.absent
    free = slot
  }

  /// Makes sure that no copy has the same counts.
  mutating func own() {
    if !isKnownUniquelyReferenced(&references) { resize(room) }
  }

  private mutating func resize(_ room: Int) {
    let larger = ReferenceTable(slots: room)
    for index in 0..<self.room {
      larger.setCount(of: RegionSlot(index), to: references.count(of: RegionSlot(index)))
    }
    references = larger
    self.room = room
  }
}
