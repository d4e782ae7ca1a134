import MapProtocols

/// One policy taking over from another while both have work: what the new one must be told, told without the lock.
///
/// It starts from a copy of the old policy, which stays in force and goes on with its own. What happens meanwhile is noted in a journal,
/// and the new policy is told that, too, before it takes over.
struct Succession {
  /// What a policy is told.
  enum Step {
    case miss(RegionKey)
    case hits([RegionSlot])
    case insert(RegionSlot, RegionInfo)
    case remove(RegionSlot, RegionInfo, evicted: Bool)
    case capacity(PolicyCapacity)
  }

  /// The new policy, before it holds anything.
  let pristine: any EvictionPolicy
  private(set) var new: any EvictionPolicy
  private let old: any EvictionPolicy
  /// Which slots the old policy held.
  private let held: [Bool]
  /// The old policy's order, where it is an object, which can't be copied: taken at once, with the lock.
  private let order: [RegionSlot]?
  /// What lies, or has come to lie, at each slot.
  private var infos: [RegionInfo] = []

  /// So many steps or hits the new policy can be told of under the lock.
  static let few = 4096
  /// After so many journals the last one is told under the lock, however long it is.
  static let mostJournals = 16

  init(
    of old: any EvictionPolicy, by new: any EvictionPolicy, _ capacity: PolicyCapacity,
    held: [Bool]
  ) {
    self.old = old
    pristine = new
    self.new = new
    self.held = held
    order = type(of: old) is AnyObject.Type ? old.checkedOrder(of: held) : nil
    self.new.setCapacity(capacity)
  }

  /// The slots whose regions are still to be described; nil when all were.
  var undescribed: Range<Int>? {
    let end = min(infos.count + 4096, held.count)
    return infos.count < end ? infos.count..<end : nil
  }

  /// Describes the next slots.
  mutating func describe(_ infos: [RegionInfo]) { self.infos += infos }

  /// Has the new policy take over what the old one held, in its order.
  ///
  /// - Parameter journal: what happened while slots were described, some of which may be other regions' by now.
  mutating func adopt(_ journal: [Step]) {
    var left: Set<RegionSlot> = []
    for case .remove(let slot, let info, _) in journal
    where slot.index < held.count && held[slot.index] && left.insert(slot).inserted {
      infos[slot.index] = info
    }
    let order = order ?? old.checkedOrder(of: held)
    new.adopt(order.map { (slot: $0, info: infos[$0.index]) })
    catchUp(journal)
  }

  /// How much a journal tells.
  static func length(of journal: [Step]) -> Int {
    journal.reduce(0) { sum, step in
      if case .hits(let slots) = step { sum + slots.count } else { sum + 1 }
    }
  }

  /// Tells the new policy what happened meanwhile.
  mutating func catchUp(_ journal: [Step]) {
    for step in journal {
      switch step {
      case .miss(let key): new.miss(key)
      case .insert(let slot, let info): new.insert(slot, info)
      case .remove(let slot, _, let evicted): new.remove(slot, evicted: evicted)
      case .capacity(let capacity): new.setCapacity(capacity)
      case .hits(let slots):
        // What is only counted is counted by the readers themselves once the policy is in force.
        if new.hits.limit == nil { new.hit(slots.span) }
      }
    }
  }
}

extension EvictionPolicy {
  /// The order of what a policy holds, or the end of the program where it is not that. O(n).
  func checkedOrder(of held: [Bool]) -> [RegionSlot] {
    let order = evictionOrder()
    var seen = [Bool](repeating: false, count: held.count)
    for slot in order {
      if slot.index >= held.count || !held[slot.index] { refuse(toName: slot) }
      if seen[slot.index] { refuse("has region \(slot.rawValue) in its order twice") }
      seen[slot.index] = true
    }
    let regions = held.count { $0 }
    if order.count != regions {
      refuse("has \(order.count) regions in its order, but holds \(regions)")
    }
    return order
  }

  /// Ends the program, for a region that the policy names and does not hold.
  func refuse(toName slot: RegionSlot) -> Never {
    refuse("names region \(slot.rawValue), which it does not hold")
  }

  /// Ends the program, for a mistake of the policy's author.
  func refuse(_ mistake: String) -> Never {
    MapProtocols.refuse("eviction policy", name, mistake)
  }
}
