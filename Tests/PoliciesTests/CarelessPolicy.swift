import Foundation
import MapProtocols

/// LRU over an array, but for one fault; without one it is right.
struct CarelessPolicy: EvictionPolicy {
  enum Fault: CaseIterable, Sendable {
    case hitsAreIgnored, countsAreNotLookedAt, namesWhatLeft, namesNone, forgetsARemoval
    case losesARegion, repeatsItself, changesItsMind, sticksToThePinned, announcesWhatLeft
    case announcesTooMany, announcingChangesCounts, isShared, neverForgets, hasNoName, adoptsHalf
    case changesHowItLearns, comesToNoEnd, turnsItsOrderAround, adoptsBackwards, changesItsNameLater

    /// The promise that it breaks, and words of the message that names it.
    var isFoundAs: (promise: String, words: String) {
      switch self {
      case .hitsAreIgnored: ("heedsHits", "wants to learn of hits in their order, but the victims")
      case .countsAreNotLookedAt: ("heedsHits", "does `victim` look at the reference table?")
      case .namesWhatLeft: ("decidesSoundly", "which is not loaded")
      case .namesNone: ("decidesSoundly", "`victim` names none, though")
      case .forgetsARemoval: ("beginsAndEndsEmpty", "after `remove(_:evicted: false)`")
      case .losesARegion: ("handsOverAllRegions", "hands 22 over, 22 of them right")
      case .repeatsItself: ("handsOverAllRegions", "hands 51 over, 50 of them right")
      case .changesItsMind: ("decidesSoundly", "and asked again at once")
      case .sticksToThePinned: ("endsARoundOfPinnedRegions", "does `pinned` move a region back?")
      case .announcesWhatLeft: ("decidesSoundly", "`upcoming` names slot")
      case .announcesTooMany: ("decidesSoundly", "where 4 were asked for")
      case .announcingChangesCounts: ("decidesSoundly", "`upcoming` changes counts")
      case .isShared: ("isAValue", "a copy that changes changes the original")
      case .neverForgets: ("forgetsInTheEnd", "elements after 80,000 windows")
      case .hasNoName: ("beginsAndEndsEmpty", "no name")
      case .adoptsHalf: ("handsOverAllRegions", "takes over 25")
      case .changesHowItLearns: ("beginsAndEndsEmpty", "`name` or `hits` changed")
      case .turnsItsOrderAround: ("handsOverAllRegions", "`evictionOrder` is turned around")
      case .adoptsBackwards:
        ("handsOverAllRegions", "`adopt` of \"careless\" turns the order around")
      case .changesItsNameLater: ("decidesSoundly", "changed while it held regions")
      case .comesToNoEnd: ("endsARoundOfPinnedRegions", "nothing came back for")
      }
    }
  }

  /// What copies have in common; only `isShared` has it.
  private final class Shared: @unchecked Sendable {
    var queue: [RegionSlot] = []
  }

  let fault: Fault?
  private var own: [RegionSlot] = []
  private let shared = Shared()
  private var left: RegionSlot?
  private var asked = 0
  private var inserted = 0
  private var ghosts: Set<RegionKey> = []

  init(_ fault: Fault?) { self.fault = fault }

  private var queue: [RegionSlot] {
    get { fault == .isShared ? shared.queue : own }
    set { if fault == .isShared { shared.queue = newValue } else { own = newValue } }
  }

  var name: String {
    switch fault {
    case .hasNoName: ""
    case .changesItsNameLater: queue.count > 3 ? "careless, with some" : "careless"
    default: "careless"
    }
  }
  var hits: HitReporting {
    switch fault {
    case .countsAreNotLookedAt, .announcingChangesCounts: .counted(upTo: 1)
    case .changesHowItLearns: inserted == 0 ? .ordered : .none
    default: .ordered
    }
  }

  mutating func miss(_ key: RegionKey) {
    if fault == .neverForgets { ghosts.insert(key) }
  }
  mutating func hit(_ slots: Span<RegionSlot>) {
    if fault == .hitsAreIgnored { return }
    for index in slots.indices { moveBack(slots[index]) }
  }
  private mutating func moveBack(_ slot: RegionSlot) {
    queue.removeAll { $0 == slot }
    queue.append(slot)
  }
  mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) {
    inserted += 1
    if fault == .losesARegion && inserted % 50 == 0 { return }
    queue.append(slot)
    if left == slot { left = nil }
  }
  mutating func victim(_ references: ReferenceTable) -> RegionSlot? {
    asked += 1
    switch fault {
    case .namesWhatLeft: return left ?? queue.first
    case .namesNone: return queue.count > 1 ? nil : queue.first
    case .changesItsMind: return asked % 2 == 0 ? queue.first : queue.last
    case .comesToNoEnd:
      while queue.count == 50 { Thread.sleep(forTimeInterval: 10) }
      return queue.first
    default: return queue.first
    }
  }
  mutating func pinned(_ slot: RegionSlot) {
    if fault == .sticksToThePinned { return }
    moveBack(slot)
  }
  mutating func remove(_ slot: RegionSlot, evicted: Bool) {
    if fault == .forgetsARemoval && !evicted { return }
    queue.removeAll { $0 == slot }
    left = slot
  }
  func upcoming(
    _ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot]
  ) {
    switch fault {
    case .announcesWhatLeft: if let left { slots.append(left) }
    case .announcesTooMany: slots += queue.prefix(count + 1)
    case .announcingChangesCounts:
      if let first = queue.first { references.setCount(of: first, to: 0) }
    default: break
    }
  }
  func evictionOrder() -> [RegionSlot] {
    switch fault {
    case .repeatsItself: queue + queue.prefix(1)
    case .turnsItsOrderAround: queue.reversed()
    default: queue
    }
  }
  mutating func adopt(_ regions: [(slot: RegionSlot, info: RegionInfo)]) {
    let taken = fault == .adoptsHalf ? regions.prefix(regions.count / 2) : regions[...]
    let ordered = fault == .adoptsBackwards ? taken.reversed() : Array(taken)
    for region in ordered { insert(region.slot, region.info) }
  }
}

/// LRU whose `hit` has another name than the protocol's.
struct MisspelledPolicy: EvictionPolicy {
  private var queue: [RegionSlot] = []
  var name: String { "misspelled" }
  var hits: HitReporting { .ordered }
  mutating func hits(_ slots: Span<RegionSlot>) {
    for index in slots.indices { pinned(slots[index]) }
  }
  mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) { queue.append(slot) }
  mutating func victim(_ references: ReferenceTable) -> RegionSlot? { queue.first }
  mutating func remove(_ slot: RegionSlot, evicted: Bool) { queue.removeAll { $0 == slot } }
  mutating func pinned(_ slot: RegionSlot) {
    queue.removeAll { $0 == slot }
    queue.append(slot)
  }
  func evictionOrder() -> [RegionSlot] { queue }
}
