public import MapProtocols

/// Keeps what was asked for more often lately, even while it was not loaded: near the best on most work, and it tunes
/// itself. W-TinyLFU.
///
/// New regions enter a small window in order of use. What leaves it is compared with the next victim of the main space,
/// and the one of which a sketch tells that it was asked for less often goes. The main space is a segmented LRU: regions
/// used there enter its protected part, which gives the surplus over its share, four fifths at first, back to the
/// probation part, out of which victims come. The window has 1% at first, and climbs to the size that hits most. A newcomer
/// not asked for more often, but often enough, wins once in 128 times, lest anyone who knows the hashes keep others out;
/// a seed decides when. After Einziger, Friedman and Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", 2017,
/// and Einziger, Eytan, Friedman and Manes, "Adaptive Software Cache Management", Middleware 2018.
///
/// A region that was asked for is loaded whatever its frequency: one that loses is the next victim. Shares are counted in
/// regions, whatever their size: where regions are smaller than the manager's window, more are held than the capacity
/// tells, and the probation part has the surplus. A pinned victim counts as used in its list, but not in the sketch; it
/// waits aside until the next hit or miss and is not named before.
public struct TinyLFU: EvictionPolicy {
  /// The window and the parts of the main space, the first to go first; behind the window and the protected part those
  /// found pinned.
  private static let window = 0, probation = 1, protected = 2, windowAside = 3, mainAside = 4

  private struct Entry {
    /// For the sketch.
    var hash: UInt64
    /// `window`, `probation` or `protected`.
    var segment: Int
  }

  private var lists = SlotLists(listCount: 5)
  private var entries = SlotTable(empty: Entry(hash: 0, segment: 0))
  private var sketch = FrequencySketch()
  private var climber = HillClimber()
  private var windowCount = 0
  private var probationCount = 0
  private var protectedCount = 0
  private var hasAside = false
  private var capacity = 0
  /// What the window aims at; a real number, so that steps of less than a region add up.
  private var windowTarget = 0.0
  private var windowShare = 0
  private var protectedShare = 0
  private let seed: UInt64
  private var source: SplitMix64
  /// What decides whether the present newcomer wins against its frequency.
  private var chance: UInt64

  /// A policy that holds nothing yet. O(1).
  ///
  /// - Parameter seed: what hashes and chances depend on; the same seed gives the same choices.
  public init(seed: UInt64 = 1) {
    self.seed = seed
    source = SplitMix64(seed: seed)
    chance = source.next()
    setCapacity(PolicyCapacity(regions: .max))
  }

  /// "wtinylfu". O(1).
  public var name: String { "wtinylfu" }

  /// Every hit, in order. O(1).
  public var hits: HitReporting { .ordered }

  /// Divides the capacity and begins to climb anew; what was counted stays. O(k) for k regions that change lists.
  public mutating func setCapacity(_ capacity: PolicyCapacity) {
    if capacity.regions == self.capacity { return }
    readmit()
    self.capacity = capacity.regions
    sketch.setCapacity(capacity.regions)
    climber.setCapacity(capacity.regions)
    // In whole regions, and at least one.
    let main = Int(0.99 * Double(capacity.regions))
    windowTarget = Double(max(capacity.regions - main, 1))
    divide()
    settle()
  }

  /// Notes the request, and gives the window another size if a sample ends. O(1) amortized.
  public mutating func miss(_ key: RegionKey) {
    readmit()
    sketch.note(FrequencySketch.hash(of: key, seed: seed))
    if let amount = climber.noteMiss() { resizeWindow(by: amount) }
  }

  /// Puts a region into the window, of which the surplus goes to the probation part. O(1) amortized.
  public mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) {
    readmit()
    admit(slot, FrequencySketch.hash(of: region.key, seed: seed), to: Self.window)
    settle()
  }

  /// Notes uses in the sketch and in the lists. O(k) for k uses, amortized.
  public mutating func hit(_ slots: Span<RegionSlot>) {
    readmit()
    climber.noteHits(slots.count)
    for index in slots.indices {
      let slot = slots[index]
      sketch.note(entries[slot].hash)
      if entries[slot].segment == Self.probation { promote(slot) }
      lists.moveToEnd(slot, of: entries[slot].segment)
      settle()
    }
  }

  /// The least recently used of the window or the first of the main space, whichever was asked for less often. O(1).
  public mutating func victim(_ references: ReferenceTable) -> RegionSlot? {
    if let slot = candidate { return slot }
    readmit()
    return candidate
  }

  /// Notes a use of the victim, which waits aside until the next hit or miss. O(1).
  public mutating func pinned(_ slot: RegionSlot) {
    hasAside = true
    if entries[slot].segment == Self.probation { promote(slot) }
    lists.moveToEnd(
      slot, of: entries[slot].segment == Self.window ? Self.windowAside : Self.mainAside)
  }

  /// Forgets a region, but not how often it was asked for. O(1).
  public mutating func remove(_ slot: RegionSlot, evicted: Bool) {
    lists.remove(slot)
    switch entries[slot].segment {
    case Self.window: windowCount -= 1
    case Self.probation: probationCount -= 1
    default: protectedCount -= 1
    }
    if evicted { chance = source.next() }
  }

  /// The next victims as long as none is used and for each one another is loaded. O(`count`).
  public func upcoming(
    _ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot]
  ) {
    let probation = lists.first(of: Self.probation)
    var isProbation = probation != nil
    var (new, old) = (lists.first(of: Self.window), probation ?? lists.first(of: Self.protected))
    for _ in 0..<max(count, 0) {
      guard let slot = choice(new, old) else { return }
      slots.append(slot)
      // The winner leaves the window as well.
      if let winner = new, windowCount >= windowShare || slot == winner {
        new = lists.next(after: winner)
      }
      if slot == old {
        old = lists.next(after: slot)
        if old == nil, isProbation {
          isProbation = false
          old = lists.first(of: Self.protected)
        }
      }
    }
  }

  /// All regions, the first to go first, if none is loaded in between. O(n).
  public func evictionOrder() -> [RegionSlot] {
    var copy = self
    copy.readmit()
    var slots: [RegionSlot] = []
    while let slot = copy.candidate {
      copy.remove(slot, evicted: true)
      slots.append(slot)
    }
    return slots
  }

  /// Takes the first to go as the probation part, the others as protected; each as asked for once. O(n).
  public mutating func adopt(_ regions: [(slot: RegionSlot, info: RegionInfo)]) {
    let protected = min(regions.count - regions.count / 5, protectedShare)
    for (index, region) in regions.enumerated() {
      let hash = FrequencySketch.hash(of: region.info.key, seed: seed)
      let isProtected = index >= regions.count - protected
      admit(region.slot, hash, to: isProtected ? Self.protected : Self.probation)
      sketch.note(hash)
    }
  }

  /// Checks lists, counts and shares. O(n).
  public func _checkInvariants() {
    lists.checkInvariants()
    let window = lists.slots(of: Self.window) + lists.slots(of: Self.windowAside)
    let probation = lists.slots(of: Self.probation)
    let protected = lists.slots(of: Self.protected) + lists.slots(of: Self.mainAside)
    precondition(window.count == windowCount, "the window's count is wrong")
    precondition(probation.count == probationCount, "the probation part's count is wrong")
    precondition(protected.count == protectedCount, "the protected part's count is wrong")
    for (segment, slots) in [window, probation, protected].enumerated() {
      precondition(slots.allSatisfy { entries[$0].segment == segment }, "a segment is wrong")
    }
    precondition(windowShare >= 1 && protectedShare >= 0, "a share is out of bounds")
    precondition(windowShare + protectedShare <= max(capacity, 1), "shares exceed the capacity")
    precondition(windowCount <= windowShare, "the window has more than its share")
    precondition(
      lists.isEmpty(Self.mainAside) ? protectedCount <= protectedShare : hasAside,
      "the protected part has more than its share")
    precondition(hasAside || lists.isEmpty(Self.windowAside), "a region is aside for good")
  }

  private var candidate: RegionSlot? {
    choice(
      lists.first(of: Self.window),
      lists.first(of: Self.probation) ?? lists.first(of: Self.protected))
  }

  /// Who goes of the first of the window and the first of the main space.
  private func choice(_ new: RegionSlot?, _ old: RegionSlot?) -> RegionSlot? {
    guard let new, let old else { return new ?? old }
    // A window with room has no one to give up.
    if windowCount < windowShare { return old }
    let frequency = sketch.frequency(of: entries[new].hash)
    if frequency > sketch.frequency(of: entries[old].hash) { return old }
    // Warm enough to be more than a passer-by: the published bound.
    return frequency >= 6 && chance & 127 == 0 ? old : new
  }

  /// Gives each part its share of the capacity: the probation part always the same, what the window gains the protected
  /// part loses.
  private mutating func divide() {
    let main = capacity - min(max(capacity - Int(0.99 * Double(capacity)), 1), capacity)
    let mostProtected = Int(0.8 * Double(main))
    let most = Double(capacity - main + mostProtected)
    windowTarget = min(max(windowTarget, 1), max(most, 1))
    windowShare = max(Int(windowTarget), 1)
    protectedShare = max(capacity - (main - mostProtected) - windowShare, 0)
  }

  private mutating func resizeWindow(by amount: Double) {
    let before = windowShare
    windowTarget += amount
    divide()
    settle()
    var missing = min(windowShare - before, windowShare - windowCount)
    while missing > 0,
      let slot = lists.first(of: Self.probation) ?? lists.first(of: Self.protected)
    {
      if entries[slot].segment == Self.probation {
        probationCount -= 1
      } else {
        protectedCount -= 1
      }
      windowCount += 1
      entries[slot].segment = Self.window
      lists.moveToEnd(slot, of: Self.window)
      missing -= 1
    }
  }

  private mutating func admit(_ slot: RegionSlot, _ hash: UInt64, to segment: Int) {
    lists.append(slot, to: segment)
    entries.set(slot, to: Entry(hash: hash, segment: segment))
    switch segment {
    case Self.window: windowCount += 1
    case Self.probation: probationCount += 1
    default: protectedCount += 1
    }
    sketch.grow(for: windowCount + probationCount + protectedCount)
  }

  private mutating func promote(_ slot: RegionSlot) {
    entries[slot].segment = Self.protected
    probationCount -= 1
    protectedCount += 1
  }

  /// Moves what exceeds the shares of window and protected part to the probation part.
  @inline(__always)
  private mutating func settle() {
    while windowCount > windowShare, let slot = lists.first(of: Self.window) {
      windowCount -= 1
      demote(slot)
    }
    while protectedCount > protectedShare, let slot = lists.first(of: Self.protected) {
      protectedCount -= 1
      demote(slot)
    }
  }

  private mutating func demote(_ slot: RegionSlot) {
    entries[slot].segment = Self.probation
    probationCount += 1
    lists.moveToEnd(slot, of: Self.probation)
  }

  private mutating func readmit() {
    guard hasAside else { return }
    hasAside = false
    lists.moveAll(from: Self.windowAside, toEndOf: Self.window)
    lists.moveAll(from: Self.mainAside, toEndOf: Self.protected)
    settle()
  }
}

extension EvictionPolicy where Self == TinyLFU {
  /// Keeps what was asked for more often lately, even while it was not loaded.
  public static var tinyLFU: TinyLFU { TinyLFU() }
  /// `tinyLFU` with hashes and chances that `seed` determines.
  public static func tinyLFU(seed: UInt64) -> TinyLFU { TinyLFU(seed: seed) }
}
