import MapProtocols

/// Which windows are in memory, and what each may become: regions, and the words by which readers know them.
///
/// A window is absent; claimed, it is loading; then resident; marked, a candidate for unloading, from which it goes back by being
/// used; and leaving, until it is absent. Each step is one function, which checks that the window is where it starts from. Slots
/// are dense and reused, the last one freed first; once all are free they are given from the first one again, so that regions which
/// come one after the other lie side by side.
struct Residency: ~Copyable {
  /// A region's record.
  private struct Region {
    /// Nil while the slot is free.
    var edition: Edition?
    var window = 0
    var byteCount = 0
    /// Neighbours in the list of the edition's regions; -1 ends it.
    var next: Int32 = -1
    var previous: Int32 = -1
    var content = Content.present
  }

  /// Whether a region's pages are in memory, as far as the core had a hand in it; see `MapCore.emptyAhead`.
  private enum Content: Equatable {
    case present
    /// They are being given back, in a call with that number.
    case leaving(Int)
    /// They were given back, and nobody has touched them since.
    case gone
  }

  /// What an edition's record keeps of its regions.
  struct Listing {
    fileprivate var first: Int32 = -1
    fileprivate var length = 0
    /// Regions loaded, being loaded or being unloaded.
    var count: Int { length }
  }

  private var regions: [Region] = []
  /// How many slots, from the first, were given since all were free.
  private var given = 0
  /// Those of them that are free.
  private var free: [UInt32] = []
  /// Which slots the policy and the budget have on their books: from the decision to load to the decision to unload. Kept
  /// apart from the records, so that draining a log touches little memory.
  private var held: [Bool] = []
  private var emptyings = 0

  init() {}

  // MARK: What there is

  /// How many slots there are, free ones included.
  var capacity: Int { regions.count }

  /// The edition of a region; nil for a free slot.
  func edition(of slot: RegionSlot) -> Edition? { regions[slot.index].edition }

  /// The window that a region is.
  func window(of slot: RegionSlot) -> Int { regions[slot.index].window }

  /// The bytes that a region was charged.
  func byteCount(of slot: RegionSlot) -> Int { regions[slot.index].byteCount }

  /// Whether a region's window is being brought in.
  func isLoading(_ slot: RegionSlot) -> Bool { word(of: slot).state == .loading }

  /// The word of a region's window.
  func word(of slot: RegionSlot) -> WindowWord {
    guard let edition = regions[slot.index].edition else { return .absent }
    return unsafe edition.windows.word(regions[slot.index].window)
  }

  /// What a policy may weigh of a region.
  func info(of slot: RegionSlot) -> RegionInfo {
    let edition = regions[slot.index].edition
    let key = RegionKey(file: edition?.file.key ?? 0, window: regions[slot.index].window)
    return RegionInfo(
      key: key, byteCount: regions[slot.index].byteCount,
      reloadCost: edition?.backend.reloadCost ?? 0)
  }

  /// Whether a region is on the books; logs and policies may name regions that have left.
  func isHeld(_ slot: RegionSlot) -> Bool {
    slot.index < held.count && held[slot.index]
  }

  /// By slot, which regions are on the books.
  var heldSlots: [Bool] { held }

  /// The slots of regions that are not on the books: room is still being made for them, or they are being unloaded.
  var unheld: [RegionSlot] {
    regions.indices.filter { regions[$0].edition != nil && !held[$0] }.map { RegionSlot($0) }
  }

  /// The slots of an edition's regions.
  func slots(of edition: Edition) -> [RegionSlot] {
    var slots: [RegionSlot] = []
    var index = edition.listing.first
    while index >= 0 {
      slots.append(RegionSlot(Int(index)))
      index = regions[Int(index)].next
    }
    return slots
  }

  /// Appends to `slots` what a log has of regions on the books, and returns how much else there was.
  func drain(_ log: AccessLog, into slots: inout [RegionSlot]) -> Int {
    log.drain(into: &slots, held)
  }

  // MARK: The books

  /// Puts a region on the books.
  mutating func hold(_ slot: RegionSlot, byteCount: Int) {
    held[slot.index] = true
    regions[slot.index].byteCount = byteCount
  }

  /// Takes it off them.
  ///
  /// - Returns: the bytes that it was charged.
  mutating func letGo(_ slot: RegionSlot) -> Int {
    held[slot.index] = false
    return regions[slot.index].byteCount
  }

  /// Notes that a region on the books has more bytes than it was charged.
  mutating func grow(_ slot: RegionSlot, by byteCount: Int) {
    regions[slot.index].byteCount += byteCount
  }

  // MARK: Steps

  /// Calls `body` with a free slot as that of a window which is not to be loaded.
  mutating func withSlot(
    for window: Int, of edition: Edition, byteCount: Int, _ body: (RegionSlot, RegionInfo) -> Void
  ) {
    guard let slot = insert(edition, window, byteCount) else { return }
    body(slot, info(of: slot))
    remove(slot)
  }

  /// From absent to loading. O(1) amortized.
  ///
  /// - Returns: nil if there are no more slots.
  mutating func claim(_ window: Int, of edition: Edition, byteCount: Int) -> RegionSlot? {
    guard let slot = insert(edition, window, byteCount) else { return nil }
    step(slot, from: .absent, to: WindowWord(.loading, slot))
    return slot
  }

  /// From loading to resident.
  ///
  /// - Returns: whether somebody waits for that.
  mutating func arrive(_ slot: RegionSlot) -> Bool {
    guard let edition = regions[slot.index].edition else { return false }
    unsafe Canary(edition.windows, regions[slot.index].window).set(isLoaded: true)
    return step(slot, from: .loading, to: WindowWord(.resident, slot)).hasWaiters
  }

  /// From resident to candidate; false if the window is not resident.
  mutating func mark(_ slot: RegionSlot) -> Bool {
    guard let edition = regions[slot.index].edition,
      unsafe edition.windows.word(regions[slot.index].window).state == .resident
    else { return false }
    step(slot, from: .resident, to: WindowWord(.candidate, slot))
    return true
  }

  /// From candidate to resident: the region is in use, or wanted again.
  mutating func unmark(_ slot: RegionSlot) {
    step(slot, from: .candidate, to: WindowWord(.resident, slot))
    if !Turn.isPlanted("emptied window") { regions[slot.index].content = .present }
  }

  /// From candidate to leaving.
  ///
  /// - Returns: whether its pages are still to be given back.
  mutating func depart(_ slot: RegionSlot) -> Bool {
    guard let edition = regions[slot.index].edition else { return false }
    unsafe Canary(edition.windows, regions[slot.index].window).set(isLoaded: false)
    step(slot, from: .candidate, to: WindowWord(.leaving, slot))
    return regions[slot.index].content != .gone
  }

  /// From leaving, or from loading where that failed, to absent; the slot is free then. O(1).
  ///
  /// - Returns: whether somebody waits for that.
  mutating func vacate(_ slot: RegionSlot) -> Bool {
    let region = regions[slot.index]
    guard let edition = region.edition else { return false }
    remove(slot)
    let old = unsafe edition.windows.exchange(region.window, .absent)
    precondition(old.state == .leaving || old.state == .loading, "a window goes that is in use")
    return old.hasWaiters
  }

  @discardableResult
  private func step(
    _ slot: RegionSlot, from state: WindowWord.State, to word: WindowWord
  ) -> WindowWord {
    let region = regions[slot.index]
    guard let edition = region.edition else { preconditionFailure("a slot without a region") }
    let old = unsafe edition.windows.exchange(region.window, word)
    precondition(old.state == state, "a window is \(old.state), not \(state)")
    return old
  }

  private mutating func insert(
    _ edition: Edition, _ window: Int, _ byteCount: Int
  ) -> RegionSlot? {
    let slot: RegionSlot
    if let index = free.popLast() {
      slot = RegionSlot(rawValue: index)
    } else {
      guard given < WindowWord.maximumSlots else { return nil }
      slot = RegionSlot(given)
      given += 1
      if given > regions.count {
        regions.append(Region())
        held.append(false)
      }
    }
    let next = edition.listing.first
    regions[slot.index] = Region(edition: edition, window: window, byteCount: byteCount, next: next)
    if next >= 0 { regions[Int(next)].previous = Int32(slot.index) }
    edition.listing.first = Int32(slot.index)
    edition.listing.length += 1
    return slot
  }

  private mutating func remove(_ slot: RegionSlot) {
    let region = regions[slot.index]
    guard let edition = region.edition else { return }
    if region.previous >= 0 {
      regions[Int(region.previous)].next = region.next
    } else {
      edition.listing.first = region.next
    }
    if region.next >= 0 { regions[Int(region.next)].previous = region.previous }
    edition.listing.length -= 1
    regions[slot.index] = Region()
    free.append(slot.rawValue)
    if free.count == given {
      free.removeAll(keepingCapacity: true)
      given = 0
    }
  }

  // MARK: Emptied ahead

  /// Whether a region's pages are there, or come back by being touched.
  func isPresent(_ slot: RegionSlot) -> Bool { regions[slot.index].content == .present }

  /// The number of a call that is about to give the pages of loaded regions back.
  mutating func beginEmptying() -> Int {
    emptyings += 1
    return emptyings
  }

  /// Notes that a call gives a region's pages back.
  mutating func empty(_ slot: RegionSlot, call: Int) {
    regions[slot.index].content = .leaving(call)
  }

  /// Notes that a call gave a region's pages back, unless somebody came for them meanwhile, or the slot is another region's.
  mutating func endEmptying(_ slot: RegionSlot, call: Int) {
    if regions[slot.index].content == .leaving(call) { regions[slot.index].content = .gone }
  }

  /// Notes that the pages of a region were brought in without a use.
  mutating func noteTouch(_ slot: RegionSlot) { regions[slot.index].content = .present }
}
