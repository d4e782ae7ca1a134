/// The order in which regions leave memory: LRU, CLOCK and their kin.
///
/// A policy is a plain data structure over dense slot numbers. It does no I/O, takes no lock (the manager calls it under its own), and
/// holds no region: it only answers which should go next. It is a value: managers keep a copy of how it was given to them, and ask a
/// copy for the order when another policy takes over; neither may change with the policy. Implement `name`, `hits`, `insert`,
/// `victim`, `pinned`, `remove` and `evictionOrder`, and `hit` if every hit matters; the rest has defaults. FIFO in full:
///
/// ```swift
/// struct FIFO: EvictionPolicy {
///   private var queue: [RegionSlot] = []
///   var name: String { "fifo" }
///   var hits: HitReporting { .none }
///   mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) { queue.append(slot) }
///   mutating func victim(_ references: ReferenceTable) -> RegionSlot? { queue.first }
///   mutating func remove(_ slot: RegionSlot, evicted: Bool) { queue.removeAll { $0 == slot } }
///   mutating func pinned(_ slot: RegionSlot) { remove(slot, evicted: false); queue.append(slot) }
///   func evictionOrder() -> [RegionSlot] { queue }
/// }
/// ```
///
/// What happens on a miss, in this order: `hit` with what was used since; `miss` with the key that is wanted; as long as
/// the budget lacks room `victim`, then `remove(_:evicted: true)`, or `pinned` if someone uses it; last `insert`. If the
/// load fails, `insert` never comes. Where room is to be had only when loads under way have ended, `insert` comes after
/// that, and other misses may come between.
public protocol EvictionPolicy: Sendable {
  /// A short lower-case name, as in reports: "lru".
  var name: String { get }

  /// How this policy wants to learn that a loaded region was used again. Constant over its life.
  var hits: HitReporting { get }

  /// How much fits: called before the first `insert`, whenever the budget changes, and when regions turn out to be of another
  /// size. Default: ignored.
  mutating func setCapacity(_ capacity: PolicyCapacity)

  /// A region that is not loaded was asked for. Called once for it, before victims are chosen: the place to look the key
  /// up among ghosts. Default: ignored.
  ///
  /// What was found there is needed in `insert`, before which misses of others may come, or which may never come: look it up again there,
  /// or keep it by key.
  mutating func miss(_ key: RegionKey)

  /// A region was loaded into `slot`, which is free until then. Under the manager's lock, as all of these: O(log n) at most.
  mutating func insert(_ slot: RegionSlot, _ region: RegionInfo)

  /// Regions were used, in this order; each is loaded, and may stand more than once. Called only where `hits` is `.ordered`, and a
  /// policy that says so writes it: the default, which is also called where its own is misspelled, ends the program.
  mutating func hit(_ slots: Span<RegionSlot>)

  /// The region to unload next; it stays until `remove`. Nil if the policy holds none. Managers end the program where it
  /// names another than it holds, or none though it holds some.
  ///
  /// Asked again with no other call and no hit in between it gives the same answer.
  mutating func victim(_ references: ReferenceTable) -> RegionSlot?

  /// The victim is in use and can't go: others come first. Where one use more makes it the last, count it as just used; where it may still
  /// be the first, as under LFU, set it aside until the next `miss`, or until no other is left, and keep it in `evictionOrder`, at its end.
  ///
  /// Every region comes up in the end, some perhaps more than once before (a clock's marks make others wait); a manager that
  /// called this for each that is held knows that none can go. Where it called this 8 × n + 1024 times in a row for regions that
  /// came up before, of n that are held, it ends the program with the policy's name.
  mutating func pinned(_ slot: RegionSlot)

  /// A region left memory: as the victim (`evicted`), or because its file went or the user said so; then it need not be
  /// remembered. Right after `adopt` it may be the victim that a predecessor named.
  mutating func remove(_ slot: RegionSlot, evicted: Bool)

  /// Appends up to `count` regions that will probably be the next victims, soonest first, without changing anything.
  ///
  /// A hint that lets the manager check pins for many at once; a wrong one costs time, never exactness. All must
  /// be held. `count` is an eighth of what is held at most. Default: none.
  func upcoming(_ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot])

  /// All regions held, each once, the first to go first: what a successor starts from when policies are swapped. What can't be known
  /// beforehand (counts that readers change, chance) may stand anywhere. Managers end the program where a region is missing.
  func evictionOrder() -> [RegionSlot]

  /// Takes over regions from a predecessor, the first to go first. Default: inserts them in this order.
  mutating func adopt(_ regions: [(slot: RegionSlot, info: RegionInfo)])

  /// Checks everything the data structure promises itself, and traps (`precondition`) if it does not hold. Called by tests. O(n).
  func _checkInvariants()
}

extension EvictionPolicy {
  /// Ignores the capacity.
  public mutating func setCapacity(_ capacity: PolicyCapacity) {}
  /// Ignores the miss.
  public mutating func miss(_ key: RegionKey) {}
  /// Ends the program with the policy's name: whoever asks for hits in order has something to do with them.
  public mutating func hit(_ slots: Span<RegionSlot>) {
    PolicyMistake.tell(name, "asks for hits in order, but has no `hit(_:)` of its own")
  }
  /// Names no candidates; each eviction then costs a barrier and a scan of its own.
  public func upcoming(
    _ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot]
  ) {}
  /// Inserts the regions in order.
  public mutating func adopt(_ regions: [(slot: RegionSlot, info: RegionInfo)]) {
    for region in regions { insert(region.slot, region.info) }
  }
  /// Checks nothing.
  public func _checkInvariants() {}
}

/// How a policy learns of hits; the cheaper, the less it knows.
public struct HitReporting: Hashable, Sendable {
  /// Not at all: FIFO.
  public static let none = HitReporting(limit: 0)
  /// Every hit, in order, in batches before the next decision: LRU, LFU.
  public static let ordered = HitReporting(limit: nil)
  /// As a count in the `ReferenceTable` that stops at `limit`, 1...255: CLOCK with 1, its two-bit form with 3.
  public static func counted(upTo limit: Int) -> HitReporting {
    precondition((1...255).contains(limit), "a reference count's limit is 1...255")
    return HitReporting(limit: UInt8(limit))
  }

  /// 0 for `none`, nil for `ordered`, else the limit of the count.
  public let limit: UInt8?
}

/// The number of a loaded region: small, dense, reused after the region left.
public struct RegionSlot: RawRepresentable, Hashable, Sendable {
  /// The number itself.
  public let rawValue: UInt32
  /// Makes a slot from its number.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
  /// Makes a slot from an array index.
  @inlinable public init(_ index: Int) { rawValue = UInt32(truncatingIfNeeded: index) }
  /// The number as an array index.
  @inlinable public var index: Int { Int(rawValue) }
}

/// Which window of which file: the same before, during and after a stay in memory, so that ghosts can be remembered.
public struct RegionKey: Hashable, Sendable {
  /// The file, as `FileIdentity.fingerprint` tells it.
  public let file: UInt64
  /// The window's number in the file.
  public let window: Int

  /// Makes a key.
  public init(file: UInt64, window: Int) {
    self.file = file
    self.window = window
  }
}

/// What a policy may weigh when a region arrives.
public struct RegionInfo: Hashable, Sendable {
  /// Its lasting name.
  public var key: RegionKey
  /// The bytes it takes of the budget.
  public var byteCount: Int
  /// About how long it would take to get it back, in nanoseconds.
  public var reloadCost: Int

  /// Describes a region.
  public init(key: RegionKey, byteCount: Int, reloadCost: Int) {
    self.key = key
    self.byteCount = byteCount
    self.reloadCost = reloadCost
  }
}

/// How much fits into the manager's budget, for policies that divide it.
public struct PolicyCapacity: Hashable, Sendable {
  /// Regions that fit; `Int.max` without a limit. Where bytes limit them, as many as if all had the manager's window size,
  /// or, once those loaded turn out to be less than half or more than twice as large, and stay so, their mean size.
  public var regions: Int
  /// Bytes that fit; `Int.max` without a limit.
  public var bytes: Int

  /// Describes a capacity.
  public init(regions: Int, bytes: Int = .max) {
    self.regions = regions
    self.bytes = bytes
  }
}
