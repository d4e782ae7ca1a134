import MapProtocols
import Policies
import Testing

/// Random operations on a policy and on its model side by side; stops at the first difference.
struct ModelRun {
  /// Where the policy went wrong.
  struct Difference: Error, CustomStringConvertible {
    let description: String
  }

  private let capacity: Int
  private var policy: any EvictionPolicy
  private var model: any PolicyModel
  private let references: ReferenceTable
  private var source: SplitMix64
  /// Slots that hold a region, in no order, and where each stands there.
  private var loaded: [Int] = []
  private var places: [Int?]
  /// The keys of loaded slots, and all of them.
  private var keys: [Int]
  private var loadedKeys: Set<Int> = []
  private var free: [Int]
  private var isPinned: [Bool]
  private var unreported: [RegionSlot] = []
  private var step = 0

  init(_ subject: PolicyCase, capacity: Int, seed: UInt64) {
    self.capacity = capacity
    policy = subject.policy
    model = subject.model()
    references = ReferenceTable(slots: capacity)
    source = SplitMix64(seed: seed)
    free = Array((0..<capacity).reversed())
    places = Array(repeating: nil, count: capacity)
    isPinned = Array(repeating: false, count: capacity)
    keys = Array(repeating: 0, count: capacity)
    setCapacity(capacity)
  }

  /// Takes `count` steps, and checks invariants after each, or, with many regions, after every thousandth.
  mutating func run(_ count: Int) throws {
    let stride = capacity <= 64 ? 1 : 1000
    for _ in 0..<count {
      step += 1
      switch source.draw(below: 100) {
      case 0..<55: if let slot = anyLoaded() { hit(slot) }
      case 55..<85: try load()
      case 85..<90: if let slot = anyLoaded() { isPinned[slot] = source.draw(below: 3) == 0 }
      case 90..<95: if let slot = anyLoaded() { isPinned[slot] = false }
      case 95..<99: if let slot = anyLoaded(), !isPinned[slot] { remove(slot, evicted: false) }
      default: if source.draw(below: 4) > 0 { try whileAllArePinned() } else { changeCapacity() }
      }
      if step % stride == 0 {
        policy._checkInvariants()
        try checkOrder()
      }
    }
  }

  /// A loaded slot; those at the front are preferred, so that counts differ.
  private mutating func anyLoaded() -> Int? {
    if loaded.isEmpty { return nil }
    let bound = source.draw(below: 2) == 0 ? loaded.count : (loaded.count + 7) / 8
    return loaded[source.draw(below: bound)]
  }

  private mutating func hit(_ slot: Int) {
    model.hit(slot)
    if let limit = policy.hits.limit {
      if limit > 0 { references.mark(RegionSlot(slot), limit: limit) }
    } else {
      unreported.append(RegionSlot(slot))
      if source.draw(below: 16) == 0 { report() }
    }
  }

  private mutating func report() {
    if unreported.isEmpty { return }
    let hits = unreported
    policy.hit(hits.span)
    unreported = []
  }

  private mutating func load() throws {
    report()
    let key = anyMissing()
    policy.miss(RegionKey(file: 1, window: key))
    model.miss(key)
    if free.isEmpty || source.draw(below: 8) == 0 { try evict() }
    // Sometimes a load fails, and `insert` never comes.
    guard let slot = free.last, source.draw(below: 16) > 0 else { return }
    free.removeLast()
    places[slot] = loaded.count
    loaded.append(slot)
    keys[slot] = key
    loadedKeys.insert(key)
    references.setCount(of: RegionSlot(slot), to: 0)
    policy.insert(
      RegionSlot(slot),
      RegionInfo(key: RegionKey(file: 1, window: key), byteCount: 1, reloadCost: 1))
    model.insert(slot, key)
  }

  /// A key that is not loaded, most often one that was before.
  private mutating func anyMissing() -> Int {
    for _ in 0..<4 {
      let key = source.draw(below: 3 * capacity)
      if !loadedKeys.contains(key) { return key }
    }
    return 3 * capacity + step
  }

  /// Tells of a capacity that has nothing to do with how many regions the run keeps loaded, as when sizes differ.
  private mutating func changeCapacity() {
    let choices = [
      1, 2, 3, capacity / 2 + 1, capacity, capacity, 2 * capacity, 10 * capacity, .max,
    ]
    setCapacity(choices[source.draw(below: choices.count)])
  }

  private mutating func setCapacity(_ capacity: Int) {
    report()
    policy.setCapacity(PolicyCapacity(regions: capacity))
    model.setCapacity(capacity)
  }

  /// Asks for victims until one is not pinned, or all were found to be.
  private mutating func evict() throws {
    var found: Set<Int> = []
    var asked = 0
    while found.count < loaded.count {
      let hint = upcoming(4)
      guard let victim = policy.victim(references)?.index else { throw difference("no victim") }
      let again = policy.victim(references)?.index
      if again != victim { throw difference("\(victim), asked again \(again ?? -1)") }
      if let first = hint.first, first != victim {
        throw difference("\(first) announced, but \(victim) goes")
      }
      let right = model.victim()
      if right != victim { throw difference("\(victim) instead of \(right ?? -1) goes") }
      guard isPinned[victim] else {
        remove(victim, evicted: true)
        return
      }
      found.insert(victim)
      policy.pinned(RegionSlot(victim))
      model.pinned(victim)
      asked += 1
      if asked > 4 * loaded.count { throw difference("a round of pinned regions does not end") }
    }
  }

  private mutating func whileAllArePinned() throws {
    let before = isPinned
    report()
    for slot in loaded { isPinned[slot] = true }
    let count = loaded.count
    try evict()
    if loaded.count != count { throw difference("a pinned region went") }
    isPinned = before
  }

  private mutating func remove(_ slot: Int, evicted: Bool) {
    report()
    policy.remove(RegionSlot(slot), evicted: evicted)
    model.remove(slot, evicted: evicted)
    loadedKeys.remove(keys[slot])
    isPinned[slot] = false
    let place = places[slot]!
    places[slot] = nil
    let last = loaded.removeLast()
    if last != slot {
      loaded[place] = last
      places[last] = place
    }
    free.append(slot)
  }

  /// What the policy announces, checked to be held and named once.
  private func upcoming(_ count: Int) -> [Int] {
    var slots: [RegionSlot] = []
    policy.upcoming(count, references, into: &slots)
    let indices = slots.map(\.index)
    precondition(indices.count <= count, "more was announced than asked for")
    precondition(Set(indices).count == indices.count, "a region was announced twice")
    precondition(indices.allSatisfy { places[$0] != nil }, "a region was announced that left")
    return indices
  }

  private mutating func checkOrder() throws {
    report()
    let order = policy.evictionOrder()
    var seen = Array(repeating: false, count: capacity)
    for slot in order {
      if places[slot.index] == nil || seen[slot.index] {
        throw difference("\(slot.index) is in the order without a region, or twice")
      }
      seen[slot.index] = true
    }
    if order.count != loaded.count { throw difference("a region is missing in the order") }
  }

  private func difference(_ text: String) -> Difference {
    Difference(description: "\(policy.name), step \(step): \(text)")
  }
}
