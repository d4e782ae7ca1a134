internal import MapProtocols
internal import Policies

/// Random operations on a policy, and on its model side by side if there is one; stops at the first that is wrong.
struct PolicyRun {
  /// What the policy did wrong, and the last calls of its methods.
  struct Fault: Error, CustomStringConvertible {
    let description: String
  }

  private let checks: Checks
  private var calls = CallLog()
  private let capacity: Int
  private(set) var policy: any EvictionPolicy
  private var model: (any PolicyModel)?
  private let references: ReferenceTable
  private var source: SplitMix64
  /// Slots that hold a region, in no order, and where each stands there.
  private var loaded: [Int] = []
  private var places: [Int?]
  /// The keys of loaded slots, and whether each of those that come again is loaded.
  private var keys: [Int]
  private var isLoaded: [Bool]
  private var free: [Int]
  private var isPinned: [Bool]
  private var unreported: [RegionSlot] = []
  /// When a slot was last ticked off, so that none is counted twice.
  private var ticks: [Int]
  private var tick = 0
  private var step = 0

  init(
    _ policy: any EvictionPolicy, _ model: (any PolicyModel)?, capacity: Int, seed: UInt64,
    _ checks: Checks
  ) {
    self.checks = checks
    self.capacity = capacity
    self.policy = policy
    self.model = model
    references = ReferenceTable(slots: capacity)
    source = SplitMix64(seed: seed)
    free = Array((0..<capacity).reversed())
    places = Array(repeating: nil, count: capacity)
    isPinned = Array(repeating: false, count: capacity)
    keys = Array(repeating: 0, count: capacity)
    isLoaded = Array(repeating: false, count: 3 * capacity)
    ticks = Array(repeating: 0, count: capacity)
    setCapacity(capacity)
  }

  /// Takes `count` steps, and checks invariants after each, or, with many regions, after every thousandth; the order, which
  /// takes as long, with few regions after every eighth.
  mutating func run(_ count: Int) throws {
    let stride = capacity <= 64 ? 1 : 1000
    for _ in 0..<count {
      step += 1
      if step % 16 == 0 { checks.step() }
      switch source.draw(below: 100) {
      case 0..<55: if let slot = anyLoaded() { hit(slot) }
      case 55..<85: try load()
      case 85..<90: if let slot = anyLoaded() { isPinned[slot] = source.draw(below: 3) == 0 }
      case 90..<95: if let slot = anyLoaded() { isPinned[slot] = false }
      case 95..<99: if let slot = anyLoaded(), !isPinned[slot] { remove(slot, evicted: false) }
      default: if source.draw(below: 4) > 0 { try whileAllArePinned() } else { changeCapacity() }
      }
      if step % stride == 0 { policy._checkInvariants() }
      if step % max(stride, 8) == 0 { try checkOrder() }
    }
  }

  /// A loaded slot; those at the front are preferred, so that counts differ.
  private mutating func anyLoaded() -> Int? {
    if loaded.isEmpty { return nil }
    let bound = source.draw(below: 2) == 0 ? loaded.count : (loaded.count + 7) / 8
    return loaded[source.draw(below: bound)]
  }

  private mutating func hit(_ slot: Int) {
    model?.hit(slot)
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
    calls.note(.hit(hits))
    policy.hit(hits.span)
    unreported = []
  }

  private mutating func load() throws {
    report()
    let key = anyMissing()
    calls.note(.miss(key))
    policy.miss(name(of: key))
    model?.miss(key)
    if free.isEmpty || source.draw(below: 8) == 0 { try evict() }
    // Sometimes a load fails, and `insert` never comes.
    guard let slot = free.last, source.draw(below: 16) > 0 else { return }
    free.removeLast()
    places[slot] = loaded.count
    loaded.append(slot)
    keys[slot] = key
    if key < isLoaded.count { isLoaded[key] = true }
    references.setCount(of: RegionSlot(slot), to: 0)
    calls.note(.insert(slot, key))
    let info = RegionInfo(
      key: name(of: key), byteCount: model == nil ? 1 + key % 7 * 4096 : 1, reloadCost: 1 + key % 3)
    policy.insert(RegionSlot(slot), info)
    model?.insert(slot, key)
  }

  /// A model knows windows of one file alone.
  private func name(of key: Int) -> RegionKey {
    model == nil
      ? RegionKey(file: UInt64(key % 3), window: key / 3) : RegionKey(file: 1, window: key)
  }

  /// A key that is not loaded, most often one that was before.
  private mutating func anyMissing() -> Int {
    for _ in 0..<4 {
      let key = source.draw(below: isLoaded.count)
      if !isLoaded[key] { return key }
    }
    return isLoaded.count + step
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
    calls.note(.setCapacity(capacity))
    policy.setCapacity(PolicyCapacity(regions: capacity))
    model?.setCapacity(capacity)
  }

  /// Asks for victims until one is not pinned, or all were found to be.
  private mutating func evict() throws {
    tick += 1
    let round = tick
    var found = 0
    var repeats = 0
    while found < loaded.count {
      let victim = try nextVictim()
      guard isPinned[victim] else {
        remove(victim, evicted: true)
        return
      }
      if ticks[victim] != round {
        ticks[victim] = round
        found += 1
        repeats = 0
      }
      calls.note(.pinned(victim))
      policy.pinned(RegionSlot(victim))
      model?.pinned(victim)
      repeats += 1
      if repeats > PolicyMistake.mostRepeats(of: loaded.count) {
        throw fault(
          "with all \(loaded.count) regions pinned, `victim` comes by \(found) of them only, \(repeats) times in a row"
        )
      }
    }
  }

  /// Asks for a victim, twice, and compares it with what was announced and with the model's.
  private mutating func nextVictim() throws -> Int {
    let announced = try firstAnnounced()
    let victim = policy.victim(references)?.index
    calls.note(.victim(victim))
    guard let victim else {
      throw fault("`victim` names none, though \(loaded.count) regions are loaded")
    }
    guard isHeld(victim) else { throw fault("`victim` names slot \(victim), which is not loaded") }
    if model != nil {
      let right = model?.victim()
      if right != victim {
        throw fault("`victim` names slot \(victim), the model \(right.map(String.init) ?? "none")")
      }
      // To those who only promise a hint it may be another.
      if let announced, announced != victim {
        throw fault("`upcoming` announced slot \(announced) first, but `victim` names \(victim)")
      }
    }
    let again = policy.victim(references)?.index
    if again != victim {
      throw fault(
        "`victim` names slot \(victim), and asked again at once \(again.map(String.init) ?? "none")"
      )
    }
    return victim
  }

  private mutating func whileAllArePinned() throws {
    let before = isPinned
    report()
    for slot in loaded { isPinned[slot] = true }
    let count = loaded.count
    try evict()
    if loaded.count != count { throw fault("a pinned region left") }
    isPinned = before
  }

  private mutating func remove(_ slot: Int, evicted: Bool) {
    report()
    calls.note(.remove(slot, evicted: evicted))
    policy.remove(RegionSlot(slot), evicted: evicted)
    model?.remove(slot, evicted: evicted)
    if keys[slot] < isLoaded.count { isLoaded[keys[slot]] = false }
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

  /// The first of what the policy announces, all of which must be held and named once. It changes nothing.
  private func firstAnnounced() throws -> Int? {
    // Managers begin the list with the victim.
    let first = loaded.first.map { [RegionSlot($0)] } ?? []
    var slots = first
    let counts = capacity <= 8 ? countsNow : []
    policy.upcoming(4, references, into: &slots)
    if slots.prefix(first.count) != first[...] {
      throw fault("`upcoming` takes away what the list had, instead of appending to it")
    }
    slots.removeFirst(first.count)
    if capacity <= 8 && counts != countsNow {
      throw fault("`upcoming` changes counts of the reference table")
    }
    if slots.count > 4 {
      throw fault("`upcoming` names \(slots.count) regions where 4 were asked for")
    }
    for (index, slot) in slots.enumerated() {
      if !isHeld(slot.index) {
        throw fault("`upcoming` names slot \(slot.index), which is not loaded")
      }
      if slots[..<index].contains(slot) { throw fault("`upcoming` names slot \(slot.index) twice") }
    }
    return slots.first?.index
  }

  private var countsNow: [Int] { (0..<capacity).map { references.count(of: RegionSlot($0)) } }

  private mutating func checkOrder() throws {
    report()
    tick += 1
    let order = policy.evictionOrder()
    for slot in order {
      if !isHeld(slot.index) {
        throw fault("`evictionOrder` has slot \(slot.index), which is not loaded")
      }
      if ticks[slot.index] == tick { throw fault("`evictionOrder` has slot \(slot.index) twice") }
      ticks[slot.index] = tick
    }
    if let lost = loaded.first(where: { ticks[$0] != tick }) {
      throw fault("`evictionOrder` lacks slot \(lost), which is loaded")
    }
  }

  private func isHeld(_ slot: Int) -> Bool { slot < capacity && places[slot] != nil }

  private func fault(_ text: String) -> Fault {
    Fault(
      description: "\(text) (operation \(step), room for \(capacity); the last calls: \(calls))")
  }
}
