internal import MapProtocols

/// What a manager keeps of its regions beside the policy, in a simulation: which is where, and the hits not told yet.
///
/// Unchecked: only the table of counts can be shared, and `own` parts with copies before anything is changed.
struct SimulatedHost: @unchecked Sendable {
  /// Hits told in one call to policies that want their order, as a manager collects them.
  private static let batchSize = 4096
  private static let absent: Int32 = -1

  /// How much fits.
  var capacity: PolicyCapacity
  /// The counts that hits leave for policies that want them so, for `room` slots.
  private(set) var references = ReferenceTable(slots: 0)
  private var room = 0
  private var limit: UInt8?
  /// The slot of each region, or `absent`.
  private var slots: [Int32] = []
  /// The region in each slot that was ever taken.
  private var regions: [Int32] = []
  /// What the region in each of these is.
  private var infos: [RegionInfo] = []
  /// The slots that evictions left free.
  private var free: [RegionSlot] = []
  private var bytes = 0
  private var unreported: [RegionSlot] = []

  init(hits: HitReporting, capacity: PolicyCapacity) {
    self.capacity = capacity
    limit = hits.limit
  }

  var loadedCount: Int { regions.count - free.count }

  /// Whether so much more fits.
  func fits(regions: Int, bytes: Int) -> Bool {
    loadedCount + regions <= capacity.regions && self.bytes <= capacity.bytes - bytes
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
  mutating func load(_ region: Int, _ info: RegionInfo) -> RegionSlot {
    precondition((0...Int(Int32.max)).contains(region), "a region's number is below 2^31")
    if region >= slots.count {
      let missing = max(region + 1, slots.count * 2) - slots.count
      slots.append(contentsOf: repeatElement(Self.absent, count: missing))
    }
    precondition(slots[region] == Self.absent, "the region is loaded already")
    let slot: RegionSlot
    if let reused = free.popLast() {
      slot = reused
      regions[slot.index] = Int32(region)
      infos[slot.index] = info
    } else {
      slot = RegionSlot(regions.count)
      regions.append(Int32(region))
      infos.append(info)
      if regions.count > room { resize(max(regions.count, min(capacity.regions, room * 2))) }
    }
    bytes += info.byteCount
    slots[region] = Int32(slot.index)
    references.setCount(of: slot, to: 0)
    return slot
  }

  /// Frees a slot.
  mutating func unload(_ slot: RegionSlot) {
    slots[Int(regions[slot.index])] = Self.absent
    bytes -= infos[slot.index].byteCount
    free.append(slot)
  }

  func info(of slot: RegionSlot) -> RegionInfo { infos[slot.index] }

  /// Learns of hits as another policy wants to, from whose point of view nothing was used yet.
  mutating func setHits(_ hits: HitReporting) {
    limit = hits.limit
    for slot in regions.indices { references.setCount(of: RegionSlot(slot), to: 0) }
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
