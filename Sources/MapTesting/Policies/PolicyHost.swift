package import MapProtocols

/// The least manager there can be: it runs a policy over requests for unit-size regions and counts what happens.
///
/// It keeps to the calling order that `EvictionPolicy` promises, so that it serves for golden counts, for comparisons with
/// a plain model and for measuring a policy alone.
package struct PolicyHost {
  /// How a request ended.
  package enum Outcome: Hashable, Sendable {
    /// The region was loaded already.
    case hit
    /// It was loaded, and `evicted` left for it.
    case miss(evicted: Int?)
    /// Everything was pinned, and it was not loaded.
    case refused
  }

  /// The policy that decides now.
  package private(set) var policy: any EvictionPolicy
  /// The counts that hits leave for policies that want them so.
  package let references: ReferenceTable
  /// How many regions fit.
  package let capacity: Int
  /// Requests for regions that were not loaded.
  package private(set) var misses = 0
  /// Whether the policy learns of hits, as it wants to.
  package var tellsOfHits = true
  /// Victims that were pinned.
  package private(set) var pinnedVictims = 0

  /// What the policy did that no manager would survive: the host goes on without.
  package private(set) var mistake: String?

  private var slots: [Int: RegionSlot] = [:]
  /// The key of each slot that holds a region.
  private var keys: [Int?]
  private var free: [RegionSlot]
  private var pins: [Int]
  /// How many slots are pinned: that all are must cost nothing to know.
  private var pinnedCount = 0
  private var unreported: [RegionSlot] = []
  private let batch: Int
  private let file: UInt64
  /// `policy.hits.limit`.
  private var limit: UInt8?

  /// A host that holds nothing.
  ///
  /// - Parameters:
  ///   - capacity: how many regions fit.
  ///   - batch: how many hits are collected before a policy that wants them in order is told; 1 tells it at once.
  ///   - file: the file's part of all keys.
  package init(
    _ policy: any EvictionPolicy, capacity: Int, batch: Int = 1, file: UInt64 = 1
  ) {
    precondition(capacity > 0 && batch > 0)
    self.file = file
    self.policy = policy
    self.capacity = capacity
    self.batch = batch
    references = ReferenceTable(slots: capacity)
    keys = Array(repeating: nil, count: capacity)
    free = (0..<capacity).reversed().map { RegionSlot($0) }
    pins = Array(repeating: 0, count: capacity)
    limit = policy.hits.limit
    self.policy.setCapacity(PolicyCapacity(regions: capacity))
  }

  /// Keys of the loaded regions, in no order.
  package var loaded: some Collection<Int> { slots.keys }

  /// Whether a region is loaded.
  package func isLoaded(_ key: Int) -> Bool { slots[key] != nil }

  /// Uses a region, and loads it if need be.
  @discardableResult
  package mutating func request(_ key: Int) -> Outcome {
    if let slot = slots[key] {
      note(slot)
      return .hit
    }
    misses += 1
    report()
    let name = RegionKey(file: file, window: key)
    policy.miss(name)
    var evicted: Int?
    if free.isEmpty {
      evicted = evict()
      if evicted == nil { return .refused }
    }
    let slot = free.removeLast()
    slots[key] = slot
    keys[slot.index] = key
    references.setCount(of: slot, to: 0)
    policy.insert(slot, RegionInfo(key: name, byteCount: 1, reloadCost: 1))
    return .miss(evicted: evicted)
  }

  /// Forbids to unload a loaded region, once more.
  package mutating func pin(_ key: Int) {
    guard let slot = slots[key] else { return }
    pins[slot.index] += 1
    if pins[slot.index] == 1 { pinnedCount += 1 }
  }

  /// Takes back one `pin`.
  package mutating func unpin(_ key: Int) {
    guard let slot = slots[key] else { return }
    precondition(pins[slot.index] > 0, "a region is unpinned more often than pinned")
    pins[slot.index] -= 1
    if pins[slot.index] == 0 { pinnedCount -= 1 }
  }

  /// Unloads a region that is not pinned, as when its file goes.
  package mutating func unload(_ key: Int) {
    guard let slot = slots[key], pins[slot.index] == 0 else { return }
    report()
    leave(slot, evicted: false)
  }

  /// Goes on with another policy and the same regions.
  package mutating func setPolicy(_ successor: any EvictionPolicy) {
    report()
    let regions = order().map { slot, key in
      let key = RegionKey(file: file, window: key)
      return (slot: slot, info: RegionInfo(key: key, byteCount: 1, reloadCost: 1))
    }
    for region in regions { references.setCount(of: region.slot, to: 0) }
    policy = successor
    limit = successor.hits.limit
    policy.setCapacity(PolicyCapacity(regions: capacity))
    policy.adopt(regions)
  }

  /// The keys of the loaded regions, the first to go first.
  package mutating func evictionOrder() -> [Int] {
    report()
    return order().map(\.key)
  }

  private mutating func order() -> [(slot: RegionSlot, key: Int)] {
    policy.evictionOrder().compactMap { slot in
      key(of: slot, namedBy: "evictionOrder").map { (slot, $0) }
    }
  }

  /// The key of a slot that the policy names; nil, and a mistake, where it holds none.
  private mutating func key(of slot: RegionSlot, namedBy method: String) -> Int? {
    if slot.index < capacity, let key = keys[slot.index] { return key }
    mistake = mistake ?? "`\(method)` names slot \(slot.index), which holds no region"
    return nil
  }

  /// Tells the policy of the hits collected so far.
  package mutating func report() {
    if unreported.isEmpty { return }
    // Out of `self`, which a span of its array would keep from being changed; and back, for the array's room.
    var hits: [RegionSlot] = []
    swap(&hits, &unreported)
    policy.hit(hits.span)
    hits.removeAll(keepingCapacity: true)
    unreported = hits
  }

  private mutating func note(_ slot: RegionSlot) {
    if !tellsOfHits { return }
    guard let limit else {
      unreported.append(slot)
      if unreported.count >= batch { report() }
      return
    }
    if limit > 0 { references.mark(slot, limit: limit) }
  }

  /// Frees one slot, and tells whose it was; none if all are pinned, which is known without asking for each.
  package mutating func evict() -> Int? {
    report()
    if pinnedCount == slots.count { return nil }
    var asked = 0
    while let slot = policy.victim(references), let key = key(of: slot, namedBy: "victim") {
      if pins[slot.index] == 0 {
        leave(slot, evicted: true)
        return key
      }
      pinnedVictims += 1
      policy.pinned(slot)
      asked += 1
      // A policy that does not come by each of them must not keep a test from failing.
      if asked == 100 * slots.count { return nil }
    }
    return nil
  }

  private mutating func leave(_ slot: RegionSlot, evicted: Bool) {
    policy.remove(slot, evicted: evicted)
    if let key = keys[slot.index] { slots[key] = nil }
    keys[slot.index] = nil
    free.append(slot)
  }
}
