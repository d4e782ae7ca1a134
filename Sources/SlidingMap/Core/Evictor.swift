import MapProtocols

/// The search for regions that can leave: the policy says in which order, proofs say which of them nobody uses.
///
/// A search goes by steps, because a proof needs a barrier for which the lock is given up; several threads may search at a time.
@safe
struct Evictor: ~Copyable {
  /// What a search needs next, or has found.
  enum Step {
    /// A region that nobody uses.
    case victim(RegionSlot)
    /// Regions about which it wants a proof. Then comes the next step.
    case prove([RegionSlot])
    /// All that is loaded is in use.
    case none
  }

  /// One search for a victim.
  struct Search {
    fileprivate var phase = Phase.suspects
    /// A number of its own: several threads may choose victims in turns, between the same scans.
    fileprivate var round = 0
    fileprivate var scansBefore = 0
    fileprivate var pinned = 0
    fileprivate var repeats = 0
    fileprivate let sparesAhead: Bool
    /// Whether a region was passed over because it was read ahead.
    fileprivate(set) var hasSpared = false
    /// How many of the regions of the last proof are unused.
    var unused = 0

    /// - Parameter sparesAhead: whether what walks have read ahead is passed over.
    init(sparesAhead: Bool) { self.sparesAhead = sparesAhead }
  }

  fileprivate enum Phase {
    /// Only those can have become unused whose leases ended since all were found in use.
    case suspects
    case suspectsProved([RegionSlot])
    /// The policy names one after the other; those that it will name next are proved together with the first.
    case policy
    case batchProved(named: Int)
    /// Each was found in use once. Pins move from region to region during a round, so that more of them may be seen than there
    /// ever were at a time; so all are proved together, and again as long as others use regions meanwhile.
    case all
    case allProved([RegionSlot])
  }

  private var batch: [RegionSlot] = []
  private var batchSize = 0
  /// How many of `batch` `nextInBatch` has named.
  private var batchNamed = 0
  private var rounds = 0
  /// The round of victims that last found a region pinned, by slot.
  private var rejections: [Int] = []
  /// While a budget is overshot because all regions were found in use: those whose use may have ended since. Each lease
  /// that ends comes by then, so that all others are known to be in use without another look. Nil: nothing is known.
  private var suspects: [RegionSlot]?
  /// The same of those whose kernel maps or addresses are missing.
  private var placeSuspects: [RegionSlot]?

  /// By edition, what walks have read ahead.
  private var ahead: [ObjectIdentifier: [Pin: Range<Int>]] = unsafe [:]

  /// How many regions are checked for pins at once. A barrier and a scan of thousands of cursors cost tens of
  /// microseconds; a hit on a region that is marked costs the lock once. Where most are pinned a batch yields little, so it
  /// grows.
  private static let smallBatch = 63
  private static let largeBatch = 1023

  init() {}

  // MARK: The search

  /// Goes on with a search: for the region that the policy lets go, proved unused.
  ///
  /// - Parameters:
  ///   - regions: how many the policy holds.
  ///   - isLoading: whether windows are being brought in that nobody waits for with a lease.
  mutating func step(
    _ search: inout Search, _ recency: inout Recency, _ proofs: inout PinProofs,
    _ residency: borrowing Residency, regions: Int, isLoading: Bool
  ) -> Step {
    while true {
      switch search.phase {
      case .suspects:
        if let slots = suspects, !isLoading {
          if slots.isEmpty { return .none }
          suspects = []
          search.phase = .suspectsProved(slots)
          return .prove(slots)
        }
        begin(&search, proofs)
      case .suspectsProved(let slots):
        if let victim = unusedSuspect(&search, slots, proofs, residency) { return .victim(victim) }
      case .policy:
        if let step = stepByPolicy(&search, &recency, &proofs, residency, regions) { return step }
      case .batchProved(let named):
        let isMostlyPinned = search.unused < named / 2
        batchSize = min(
          max(isMostlyPinned ? batchSize * 2 : batchSize / 2, Self.smallBatch), Self.largeBatch)
        search.phase = .policy
      case .all:
        let order = recency.evictionOrder(residency)
        search.phase = .allProved(order)
        return .prove(order)
      case .allProved(let order):
        var pinned = 0
        for slot in order where residency.isHeld(slot) {
          let isSpared = spares(slot, &search, residency)
          if proofs.isUnused(slot) && !isSpared { return .victim(slot) }
          if isSpared || proofs.wasPinnedInLastScan(slot) { pinned += 1 }
        }
        if pinned >= regions { return .none }
        search.phase = .all
      }
    }
  }

  private mutating func begin(_ search: inout Search, _ proofs: borrowing PinProofs) {
    suspects = nil
    rounds += 1
    search.round = rounds
    search.scansBefore = proofs.scanCount
    search.phase = .policy
  }

  /// The one of the suspects that is unused. Of several the policy chooses; where none is, those that came meanwhile are next.
  private mutating func unusedSuspect(
    _ search: inout Search, _ slots: [RegionSlot], _ proofs: borrowing PinProofs,
    _ residency: borrowing Residency
  ) -> RegionSlot? {
    search.phase = .suspects
    var unused: Set<RegionSlot> = []
    var unknown: [RegionSlot] = []
    for slot in slots where residency.isHeld(slot) {
      if proofs.isUnused(slot) {
        unused.insert(slot)
      } else if !proofs.wasPinnedInLastScan(slot) {
        // Marks were taken back meanwhile, which who only starts loads does without a lease.
        unknown.append(slot)
      }
    }
    suspects? += unknown
    if unused.count > 1 { begin(&search, proofs) }
    return unused.count == 1 ? unused.first : nil
  }

  /// Asks the policy, until it names a region that nobody uses, or one about which nothing is known; nil if it named all.
  private mutating func stepByPolicy(
    _ search: inout Search, _ recency: inout Recency, _ proofs: inout PinProofs,
    _ residency: borrowing Residency, _ regions: Int
  ) -> Step? {
    while rejections.count < residency.capacity { rejections.append(0) }
    while let candidate = recency.victim(residency, regions: regions) {
      let isSpared = spares(candidate, &search, residency)
      if proofs.isUnused(candidate) && !isSpared { return .victim(candidate) }
      guard
        isSpared || proofs.wasPinned(candidate, after: search.scansBefore)
          || proofs.isStillHeld(candidate, search.round)
      else {
        return .prove(makeBatch(&search, candidate, &recency, &proofs, residency, regions))
      }
      // A policy may name a pinned region more than once before it comes to another; all are pinned when as many
      // different ones were found so as there are.
      if rejections[candidate.index] != search.round {
        rejections[candidate.index] = search.round
        search.pinned += 1
        search.repeats = 0
      }
      search.repeats += 1
      recency.checkRepeats(search.repeats, regions: regions)
      recency.pinned(candidate)
      if search.pinned >= regions {
        search.phase = .all
        return nil
      }
    }
    return Step.none
  }

  private mutating func makeBatch(
    _ search: inout Search, _ candidate: RegionSlot, _ recency: inout Recency,
    _ proofs: inout PinProofs, _ residency: borrowing Residency, _ regions: Int
  ) -> [RegionSlot] {
    batch.removeAll(keepingCapacity: true)
    batch.append(candidate)
    batchNamed = 0
    recency.appendUpcoming(min(regions / 8, batchSize), to: &batch, residency)
    search.phase = .batchProved(named: batch.count)
    let named = batch
    batch.removeAll(keepingCapacity: true)
    for slot in named
    where !proofs.isStillHeld(slot, search.round) && !spares(slot, &search, residency) {
      batch.append(slot)
    }
    return batch
  }

  /// The next of the regions that were last proved together, each once. They go soon, if nobody comes for them.
  mutating func nextInBatch() -> RegionSlot? {
    if batchNamed >= batch.count { return nil }
    batchNamed += 1
    return batch[batchNamed - 1]
  }

  // MARK: What was read ahead

  /// Has windows of an edition passed over as victims from here on, as a walk has read them ahead: its former ones no longer.
  ///
  /// - Parameter pin: the slot of the walk's cursor, which tells it from others.
  mutating func spare(_ windows: Range<Int>, of edition: Edition, for pin: Pin) {
    unsafe ahead[ObjectIdentifier(edition), default: [:]][pin] = windows
  }

  /// Ends that for a walk. O(1).
  mutating func endSparing(of edition: Edition, for pin: Pin) {
    if unsafe ahead.isEmpty { return }
    let key = ObjectIdentifier(edition)
    guard unsafe ahead[key]?.removeValue(forKey: pin) != nil else { return }
    if unsafe ahead[key]?.isEmpty == true { unsafe ahead[key] = nil }
  }

  /// How many walks have read ahead, but for one.
  func walks(otherThan pin: Pin) -> Int {
    unsafe ahead.values.reduce(0) { sum, walks in
      unsafe sum + walks.count { unsafe $0.key != pin }
    }
  }

  private func spares(
    _ slot: RegionSlot, _ search: inout Search, _ residency: borrowing Residency
  ) -> Bool {
    guard search.sparesAhead, isAhead(slot, residency) else { return false }
    search.hasSpared = true
    return true
  }

  /// Whether a walk has read a region ahead. O(walks over its file).
  private func isAhead(_ slot: RegionSlot, _ residency: borrowing Residency) -> Bool {
    guard unsafe !ahead.isEmpty, let edition = residency.edition(of: slot),
      let walks = unsafe ahead[ObjectIdentifier(edition)]
    else { return false }
    let window = residency.window(of: slot)
    return unsafe walks.values.contains { $0.contains(window) }
  }

  // MARK: Overshoot

  /// Notes that all regions are in use, so that only those can be victims of which `suspect` tells from now on.
  mutating func noteAllInUse() {
    if suspects == nil { suspects = [] }
  }

  /// Notes that nothing that would give kernel maps or addresses back can go, so that only regions can of which `suspect` tells from now on.
  mutating func notePlacesInUse() {
    if placeSuspects == nil { placeSuspects = [] }
  }

  /// Those regions, each once; nil where any may have become unused.
  mutating func takePlaceSuspects() -> [RegionSlot]? {
    guard let slots = placeSuspects else { return nil }
    placeSuspects = []
    return slots
  }

  /// Notes that the budget's bytes and regions are not overshot: who is in use is looked at anew when they are.
  mutating func noteRoomInMemory() { suspects = nil }

  /// Whether it is known which regions may have become unused.
  var isWatching: Bool { suspects != nil || placeSuspects != nil }

  /// Notes regions whose use may have ended.
  mutating func suspect(_ slots: [RegionSlot]) {
    suspects?.append(contentsOf: slots)
    placeSuspects?.append(contentsOf: slots)
  }

  /// Forgets a region whose slot is to be another one's.
  mutating func forget(_ slot: RegionSlot) {
    if slot.index < rejections.count { rejections[slot.index] = 0 }
  }

  /// Notes that any region may have become unused.
  mutating func suspectAll() {
    suspects = nil
    placeSuspects = nil
  }
}
