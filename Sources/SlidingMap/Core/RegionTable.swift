import MapProtocols

/// A region's record: which window it is, what it was charged, and what the evictor knows of it.
@safe
struct Region {
  /// Nil while the slot is free.
  var file: FileEntry?
  var window = 0
  var byteCount = 0
  /// Neighbours in the list of the file's regions; -1 ends it.
  var next: Int32 = -1
  var previous: Int32 = -1
  var check = Check.none
  /// The scan that last found the region pinned.
  var pinnedInScan = 0
  /// The cursor's slot in which a scan last found a lease on the region. It is a slot of the region's file, and lives as long.
  var holder: Pin?
  /// That lease.
  var holderLease: UInt64 = 0
  /// The round of victims that last found it there still.
  var heldInRound = 0
  /// The round of victims that last found it pinned.
  var rejectedInRound = 0
  var content = Content.present

  init() {}

  /// A region that nobody has used yet, the first of its file's list.
  init(_ file: FileEntry, window: Int, byteCount: Int) {
    self.file = file
    self.window = window
    self.byteCount = byteCount
    next = file.firstRegion
  }

  /// How far the evictor has come with proving that nobody uses the region.
  enum Check: Equatable {
    /// The window's word says resident (or loading, or leaving).
    case none
    /// Marked as a candidate, as the so many-th mark.
    case marked(Int)
    /// Marked, and a scan after a barrier after the mark found no pin: nobody can have pinned it since without taking
    /// the mark back.
    case unused
  }

  /// Whether the region's pages are in memory, as far as the core had a hand in it; see `MapCore.emptyAhead`.
  enum Content: Equatable {
    case present
    /// They are being given back, in a call with that number.
    case leaving(Int)
    /// They were given back, and nobody has touched them since.
    case gone
  }
}

/// The records of all regions by slot; slots are dense and reused, the last one freed first.
struct RegionTable {
  private var regions: [Region] = []
  private var free: [UInt32] = []
  /// Which slots the policy and the budget have on their books: from the decision to load to the decision to unload. Kept
  /// apart from the records, so that draining a log touches little memory.
  private(set) var held: [Bool] = []

  /// How many slots there are, free ones included.
  var capacity: Int { regions.count }

  subscript(slot: RegionSlot) -> Region {
    _read { yield regions[slot.index] }
    _modify { yield &regions[slot.index] }
  }

  /// Whether the policy holds `slot`; logs may name regions that have left.
  func isHeld(_ slot: RegionSlot) -> Bool {
    slot.index < held.count && held[slot.index]
  }

  mutating func setHeld(_ slot: RegionSlot, _ isHeld: Bool) {
    held[slot.index] = isHeld
  }

  /// The slots of regions that are not on the books: room is still being made for them, or they are being unloaded.
  var unheld: [RegionSlot] {
    regions.indices.filter { regions[$0].file != nil && !held[$0] }.map { RegionSlot($0) }
  }

  /// Takes a slot for a window of `file` and links it into the file's list. O(1) amortized.
  mutating func insert(_ file: FileEntry, window: Int, byteCount: Int) -> RegionSlot? {
    let slot: RegionSlot
    if let index = free.popLast() {
      slot = RegionSlot(rawValue: index)
    } else {
      guard regions.count < WindowWord.maximumSlots else { return nil }
      slot = RegionSlot(regions.count)
      regions.append(Region())
      held.append(false)
    }
    regions[slot.index] = Region(file, window: window, byteCount: byteCount)
    if file.firstRegion >= 0 { regions[Int(file.firstRegion)].previous = Int32(slot.index) }
    file.firstRegion = Int32(slot.index)
    file.regions += 1
    return slot
  }

  /// Frees a slot. O(1).
  mutating func remove(_ slot: RegionSlot) {
    let region = regions[slot.index]
    guard let file = region.file else { return }
    if region.previous >= 0 {
      regions[Int(region.previous)].next = region.next
    } else {
      file.firstRegion = region.next
    }
    if region.next >= 0 { regions[Int(region.next)].previous = region.previous }
    file.regions -= 1
    regions[slot.index] = Region()
    free.append(slot.rawValue)
  }

  /// The slots of a file's regions.
  func slots(of file: FileEntry) -> [RegionSlot] {
    var slots: [RegionSlot] = []
    var index = file.firstRegion
    while index >= 0 {
      slots.append(RegionSlot(Int(index)))
      index = regions[Int(index)].next
    }
    return slots
  }
}
