public import MapProtocols

/// Unloads what was used once quickly, and of the rest the first that was not used lately: resists scans at the cost of a
/// mark on a hit.
///
/// Three queues. A new region enters the small one, S, for a tenth of the capacity. At its end one used at least twice
/// since it was loaded moves to the main queue, M; others leave, and their keys are remembered in the ghost queue, as many
/// as nine tenths of the capacity. What is asked for again while it is remembered enters M. At the end of M a region used
/// since goes round again, with one use less of at most three. M gives the victim if it has more than its share or S is
/// empty. After Yang, Zhang, Qiu, Yue and Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023. Weak where
/// fewer than about 500 regions fit.
///
/// Shares are counted in regions, whatever their size: where regions are smaller than the manager's window, more are held
/// than the capacity tells, S has the surplus. A pinned victim goes to the beginning of its queue when the next miss comes,
/// and is not named again before.
public struct S3FIFO: EvictionPolicy {
  /// Where a reference count stops.
  private static let limit = 3
  /// Uses that move a region from S to M.
  private static let leastToLeaveSmall = 2

  /// S and M, the next to leave first; behind them those of each that were found pinned.
  private static let small = 0, main = 1, smallAside = 2, mainAside = 3

  /// With the `ghostName` of each region's key.
  private var queues = SlotQueues<4, UInt64>(empty: 0)
  private var ghosts = GhostMemory()
  private var smallShare = 0
  private var mainShare = 0
  private var capacity = 0
  /// The queue that the present eviction takes from: once S was chosen, what it passes on to M does not change that.
  private var source: Int?
  private var hasAside = false
  /// Until then there was room, and new regions that S has no share for may enter M.
  private var hasEvicted = false

  /// A policy that holds nothing yet. O(1).
  public init() { setCapacity(PolicyCapacity(regions: .max)) }

  /// "s3fifo". O(1).
  public var name: String { "s3fifo" }

  /// As a count that stops at 3. O(1).
  public var hits: HitReporting { .counted(upTo: Self.limit) }

  /// Divides the capacity: a tenth for S, the rest for M, nine tenths remembered. O(k) for k regions forgotten.
  public mutating func setCapacity(_ capacity: PolicyCapacity) {
    // Room that was never filled before is filled as in the beginning.
    if capacity.regions > self.capacity { hasEvicted = false }
    self.capacity = capacity.regions
    smallShare = capacity.regions / 10
    mainShare = capacity.regions - smallShare
    ghosts.setLimit(mainShare - (capacity.regions % 10 == 0 ? 0 : 1))
    source = nil
  }

  /// Looks whether the region is remembered. O(1) amortized.
  public mutating func miss(_ key: RegionKey) {
    readmit()
    ghosts.miss(key)
  }

  /// Queues a region in S, or in M if it was remembered. O(1) amortized.
  public mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) {
    readmit()
    let overflows = !hasEvicted && smallCount >= smallShare
    let (name, isGhost) = ghosts.take(region.key)
    queues.append(slot, name, to: isGhost || overflows ? Self.main : Self.small)
  }

  /// The first region at the end of its queue that was not used enough to stay; those before it move as told above.
  ///
  /// - Complexity: O(1) amortized over hits, each of which lets a region pass once; O(n) in the worst case, also if readers
  ///   set marks meanwhile.
  public mutating func victim(_ references: ReferenceTable) -> RegionSlot? {
    if isDone { readmit() }
    if isDone { return nil }
    // In one thread this many suffice to move all of S and to clear every mark.
    var steps = (Self.limit + 1) * (queues.count(of: Self.small) + queues.count(of: Self.main))
    while takesSmall {
      source = Self.small
      guard let slot = queues.first(of: Self.small) else { return nil }
      if let later = queues.later(in: Self.small) {
        queues.prefetch(later)
        references.prefetchPlace(later)
      }
      if let soon = queues.soon(in: Self.small) {
        references.prefetch(soon)
        ghosts.prefetch(queues[soon])
      }
      if steps == 0 || references.count(of: slot) < Self.leastToLeaveSmall { return slot }
      queues.moveToEnd(slot, of: Self.main)
      references.setCount(of: slot, to: 0)
      steps -= 1
    }
    source = Self.main
    return queues.rotate(Self.main) { slot, soon, later in
      if let later { references.prefetchPlace(later) }
      if let soon { references.prefetch(soon) }
      let uses = references.count(of: slot)
      if uses == 0 || steps == 0 { return true }
      references.setCount(of: slot, to: min(uses, Self.limit) - 1)
      steps -= 1
      return false
    }
  }

  /// Sets the victim aside until the next miss; then it is the last of its queue. O(1).
  public mutating func pinned(_ slot: RegionSlot) {
    hasAside = true
    let queue = queues.queue(of: slot)
    queues.moveToEnd(slot, of: queue == Self.small ? Self.smallAside : Self.mainAside)
  }

  /// Forgets a region, but remembers the key of one evicted from S. O(1) amortized.
  public mutating func remove(_ slot: RegionSlot, evicted: Bool) {
    let queue = queues.remove(slot)
    guard evicted else { return }
    source = nil
    hasEvicted = true
    if queue == Self.small || queue == Self.smallAside { ghosts.remember(queues[slot]) }
  }

  /// The regions that were not used enough to stay, in the order in which they come to the end of their queues.
  ///
  /// - Complexity: O(`count`): it looks at eight regions for each one asked for and then gives up.
  public func upcoming(
    _ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot]
  ) {
    if isDone { return }
    let count = min(count, smallCount + mainCount)
    let before = slots.count
    var steps = 8 * count
    func announce(_ count: Int, of queue: Int, below least: Int) {
      let end = slots.count + count
      for slot in queues.slots(of: queue) {
        if slots.count == end || steps == 0 { return }
        if references.count(of: slot) < least { slots.append(slot) }
        steps -= 1
      }
    }
    if !takesSmall {
      // Only as many as M must give at once; if they can't be told, nor can what comes then.
      announce(min(max(mainCount - mainShare, 1), count), of: Self.main, below: 1)
      if slots.count == before { return }
    }
    announce(count - (slots.count - before), of: Self.small, below: Self.leastToLeaveSmall)
    if takesSmall { announce(count - (slots.count - before), of: Self.main, below: 1) }
  }

  /// Room in the queues, taken or not: what closing their gaps walks at most. O(1).
  package var queuePlaces: Int { queues.placeCount }

  /// All regions in the order in which they come to the end of their queues, whatever their marks. O(n).
  public func evictionOrder() -> [RegionSlot] {
    var copy = self
    copy.readmit()
    let small = Array(copy.queues.slots(of: Self.small))
    let main = Array(copy.queues.slots(of: Self.main))
    let surplus = max(mainCount - mainShare, 0)
    return Array(main.prefix(surplus)) + small + Array(main.dropFirst(surplus))
  }

  /// Takes the first to go as S, a tenth and what M has no share for, and the others as M. O(n).
  public mutating func adopt(_ regions: [(slot: RegionSlot, info: RegionInfo)]) {
    let small = max(regions.count / 10, regions.count - mainShare)
    for (index, region) in regions.enumerated() {
      let (name, _) = ghosts.take(region.info.key)
      queues.append(region.slot, name, to: index >= small ? Self.main : Self.small)
    }
  }

  /// Checks queues, counts and ghosts. O(n).
  public func _checkInvariants() {
    queues.checkInvariants()
    ghosts.checkInvariants()
    let aside = !queues.isEmpty(Self.smallAside) || !queues.isEmpty(Self.mainAside)
    precondition(hasAside || !aside, "a region is aside for good")
    for queue in 0..<4 {
      for slot in queues.slots(of: queue) {
        precondition(!ghosts.contains(queues[slot]), "a loaded region has a ghost")
      }
    }
  }

  private var smallCount: Int {
    queues.count(of: Self.small) &+ queues.count(of: Self.smallAside)
  }
  private var mainCount: Int {
    queues.count(of: Self.main) &+ queues.count(of: Self.mainAside)
  }

  /// Whether there is no candidate.
  private var isDone: Bool { queues.isEmpty(Self.small) && queues.isEmpty(Self.main) }

  /// Whether S is the queue to take from, of those that have a candidate.
  private var takesSmall: Bool {
    let prefersSmall = source.map { $0 == Self.small } ?? (mainCount <= mainShare)
    return prefersSmall ? !queues.isEmpty(Self.small) : queues.isEmpty(Self.main)
  }

  private mutating func readmit() {
    source = nil
    guard hasAside else { return }
    hasAside = false
    queues.moveAll(from: Self.smallAside, toEndOf: Self.small)
    queues.moveAll(from: Self.mainAside, toEndOf: Self.main)
  }
}

extension EvictionPolicy where Self == S3FIFO {
  /// Unloads what was used once quickly, and of the rest the first not used lately.
  public static var s3fifo: S3FIFO { S3FIFO() }
}
