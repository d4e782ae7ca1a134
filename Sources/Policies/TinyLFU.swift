public import MapProtocols

/// Keeps what was asked for more often lately, even while it was not loaded: near the best on most work, and it tunes
/// itself. W-TinyLFU.
///
/// New regions enter a small window in order of use. What leaves it is compared with the next victim of the main space,
/// and the one of which a sketch tells that it was asked for less often goes. The main space is a segmented LRU: regions
/// used there enter its protected part, which gives the surplus over its share, four fifths at first, back to the
/// probation part, out of which victims come. The window has 1% at first; where its regions are hit more often than those of
/// the main space it grows, else it shrinks. A newcomer not asked for more often, but often enough, wins once in 128 times,
/// lest anyone who knows the hashes keep others out; a seed decides when. After Einziger, Friedman and Manes, "TinyLFU: A
/// Highly Efficient Cache Admission Policy", 2017, and Einziger, Eytan, Friedman and Manes, "Adaptive Software Cache
/// Management", Middleware 2018; the window's size as in Caffeine's large caches since 2026.
///
/// A region that was asked for is loaded whatever its frequency: one that loses is the next victim. Shares are counted in
/// regions, whatever their size: where regions are smaller than the manager's window, more are held than the capacity
/// tells, and the probation part has the surplus. A pinned victim counts as used in its list, but not in the sketch; it
/// waits aside until the next hit or miss and is not named before.
public struct TinyLFU: EvictionPolicy {
  private var parts = WindowedLRU()
  private var sketch = FrequencySketch()
  private var climber = HillClimber()
  private var capacity = 0
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
    self.capacity = capacity.regions
    sketch.setCapacity(capacity.regions)
    climber.setCapacity(capacity.regions)
    parts.readmit()
    parts.setCapacity(capacity.regions)
  }

  /// Notes the request, and gives the window another size if a sample ends. O(1) amortized.
  public mutating func miss(_ key: RegionKey) {
    parts.readmit()
    sketch.note(FrequencySketch.hash(of: key, seed: seed))
    if let amount = climber.noteMiss(window: parts.windowShare) { parts.resizeWindow(by: amount) }
  }

  /// Puts a region into the window, of which the surplus goes to the probation part. O(1) amortized.
  public mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) {
    parts.readmit()
    admit(slot, FrequencySketch.hash(of: region.key, seed: seed), to: WindowedLRU.window)
    parts.moveExcess()
  }

  /// Notes uses in the sketch and in the lists. O(k) for k uses, amortized.
  public mutating func hit(_ slots: Span<RegionSlot>) {
    parts.readmit()
    for index in slots.indices {
      sketch.note(parts.hash(of: slots[index]))
      climber.noteHit(inWindow: parts.isInWindow(slots[index]))
      parts.use(slots[index])
    }
  }

  /// The least recently used of the window or the first of the main space, whichever was asked for less often. O(1).
  public mutating func victim(_ references: ReferenceTable) -> RegionSlot? {
    if let slot = candidate { return slot }
    parts.readmit()
    return candidate
  }

  /// Notes a use of the victim, which waits aside until the next hit or miss. O(1).
  public mutating func pinned(_ slot: RegionSlot) { parts.setAside(slot) }

  /// Forgets a region, but not how often it was asked for. O(1).
  public mutating func remove(_ slot: RegionSlot, evicted: Bool) {
    parts.remove(slot)
    if evicted { chance = source.next() }
  }

  /// The next victims as long as none is used and for each one another is loaded. O(`count`).
  public func upcoming(
    _ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot]
  ) {
    var (new, old) = (parts.firstOfWindow, parts.firstOfMain)
    for _ in 0..<max(count, 0) {
      guard let slot = choice(new, old) else { return }
      slots.append(slot)
      // The winner leaves the window as well.
      if let winner = new, parts.isWindowFull || slot == winner {
        new = parts.next(after: winner)
      }
      if slot == old { old = parts.next(after: slot) }
    }
  }

  /// All regions, the first to go first, if none is loaded in between. O(n).
  public func evictionOrder() -> [RegionSlot] {
    var copy = self
    copy.parts.readmit()
    var slots: [RegionSlot] = []
    while let slot = copy.candidate {
      copy.remove(slot, evicted: true)
      slots.append(slot)
    }
    return slots
  }

  /// Takes the first to go as the probation part, the others as protected; each as asked for once. O(n).
  public mutating func adopt(_ regions: [(slot: RegionSlot, info: RegionInfo)]) {
    let protected = min(regions.count - regions.count / 5, parts.protectedShare)
    for (index, region) in regions.enumerated() {
      let hash = FrequencySketch.hash(of: region.info.key, seed: seed)
      let isProtected = index >= regions.count - protected
      admit(region.slot, hash, to: isProtected ? WindowedLRU.protected : WindowedLRU.probation)
      sketch.note(hash)
    }
  }

  /// Checks lists, counts and shares. O(n).
  public func _checkInvariants() { parts.checkInvariants() }

  private var candidate: RegionSlot? { choice(parts.firstOfWindow, parts.firstOfMain) }

  /// Who goes of the first of the window and the first of the main space.
  private func choice(_ new: RegionSlot?, _ old: RegionSlot?) -> RegionSlot? {
    guard let new, let old else { return new ?? old }
    // A window with room has no one to give up.
    if !parts.isWindowFull { return old }
    let frequency = sketch.frequency(of: parts.hash(of: new))
    if frequency > sketch.frequency(of: parts.hash(of: old)) { return old }
    // Warm enough to be more than a passer-by: the published bound.
    return frequency >= 6 && chance & 127 == 0 ? old : new
  }

  private mutating func admit(_ slot: RegionSlot, _ hash: UInt64, to segment: Int) {
    parts.append(slot, hash, to: segment)
    sketch.grow(for: parts.count)
  }
}

extension EvictionPolicy where Self == TinyLFU {
  /// Keeps what was asked for more often lately, even while it was not loaded.
  public static var tinyLFU: TinyLFU { TinyLFU() }
  /// `tinyLFU` with hashes and chances that `seed` determines.
  public static func tinyLFU(seed: UInt64) -> TinyLFU { TinyLFU(seed: seed) }
}
