import MapProtocols
import Synchronization

/// Proofs that nobody uses a region: marks, and looks at the slots in which cursors publish their leases.
///
/// A proof takes two steps, with a barrier between them that all threads pass: `mark` makes candidates of regions, `judge` looks
/// who had them leased. Who comes for a candidate after that takes the mark back, and the proof ends.
struct PinProofs: ~Copyable {
  /// What is known of a region.
  @safe
  private struct Record {
    var check = Check.none
    /// The scan that last found the region pinned.
    var pinnedInScan = 0
    /// The cursor's slot in which a scan last found a lease on the region. It is a slot of the region's edition, and lives as long.
    var holder: Pin?
    /// That lease.
    var holderLease: UInt64 = 0
    /// The round of victims that last found it there still.
    var heldInRound = 0
  }

  /// How far the proof that nobody uses a region has come.
  private enum Check: Equatable {
    /// The window's word says resident (or loading, or leaving).
    case none
    /// Marked as a candidate, as the so many-th mark.
    case marked(Int)
    /// Marked, and a scan after a barrier after the mark found no pin: nobody can have pinned it since without taking
    /// the mark back.
    case unused
  }

  /// What an edition's record keeps of scans.
  struct EditionRecord {
    /// The last scan that looked at this edition.
    fileprivate var scan = 0
    /// From the first to the last window that it looked for.
    fileprivate var windows = 0...0
  }

  /// A proof whose second step is due.
  struct Pending {
    fileprivate let slots: [RegionSlot]
    /// The last mark that was made before the barrier.
    fileprivate let newest: Int
  }

  private var records: [Record] = []
  private var marks = 0
  private var scans = 0

  init() {}

  /// How many scans there were.
  var scanCount: Int { scans }

  /// Whether it is proved that nobody uses a region.
  func isUnused(_ slot: RegionSlot) -> Bool { self[slot].check == .unused }

  /// Whether a region is a candidate.
  func isMarked(_ slot: RegionSlot) -> Bool { self[slot].check != .none }

  /// Whether the last scan found a region pinned.
  func wasPinnedInLastScan(_ slot: RegionSlot) -> Bool { self[slot].pinnedInScan == scans }

  /// Whether some scan after the so many-th found a region pinned.
  func wasPinned(_ slot: RegionSlot, after scan: Int) -> Bool { self[slot].pinnedInScan > scan }

  /// Whether the lease that a scan found on a region is in its slot still, or was when this round last looked: then the
  /// region is known as pinned without mark, barrier or scan. O(1).
  mutating func isStillHeld(_ slot: RegionSlot, _ round: Int) -> Bool {
    guard slot.index < records.count, let holder = unsafe records[slot.index].holder else {
      return false
    }
    if records[slot.index].heldInRound == round { return true }
    if unsafe holder.pointee.lease.load(ordering: .acquiring) != records[slot.index].holderLease {
      unsafe records[slot.index].holder = nil
      return false
    }
    records[slot.index].heldInRound = round
    return true
  }

  /// Ends the proof about a region: it is wanted again, in use, or leaves.
  mutating func end(_ slot: RegionSlot) {
    if slot.index < records.count { records[slot.index].check = .none }
  }

  /// Forgets a region whose slot is to be another one's.
  mutating func forget(_ slot: RegionSlot) {
    if slot.index < records.count { records[slot.index] = Record() }
  }

  private subscript(slot: RegionSlot) -> Record {
    slot.index < records.count ? records[slot.index] : Record()
  }

  // MARK: The two steps

  /// Makes candidates of those of `slots` that are resident.
  mutating func mark(_ slots: [RegionSlot], _ residency: inout Residency) -> Pending {
    while records.count < residency.capacity { records.append(Record()) }
    for slot in slots where records[slot.index].check == .none && residency.mark(slot) {
      marks += 1
      records[slot.index].check = .marked(marks)
    }
    return Pending(slots: slots, newest: marks)
  }

  /// Looks which of the regions are in use, after all threads have passed a barrier. The unused ones stay marked and known as
  /// unused until someone takes the mark back, so that the next victims among them need neither barrier nor scan.
  ///
  /// - Returns: how many are unused.
  mutating func judge(_ pending: Pending, _ residency: inout Residency) -> Int {
    scans += 1
    look(at: pending.slots, residency)
    var unused = 0
    for slot in pending.slots where residency.isHeld(slot) {
      switch records[slot.index].check {
      case .marked(let mark) where mark <= pending.newest:
        if records[slot.index].pinnedInScan == scans && !Turn.isPlanted("unseen pin") {
          residency.unmark(slot)
          records[slot.index].check = .none
        } else {
          records[slot.index].check = .unused
          unused += 1
        }
      case .none where residency.isLoading(slot):
        // Its loader has it pinned.
        records[slot.index].pinnedInScan = scans
      default: break
      }
    }
    return unused
  }

  /// Notes which of `slots` some lease covers. O(slots, and cursors of their editions).
  private mutating func look(at slots: [RegionSlot], _ residency: borrowing Residency) {
    var editions: [Edition] = []
    for slot in slots {
      guard let edition = residency.edition(of: slot) else { continue }
      let window = residency.window(of: slot)
      if edition.proofs.scan != scans {
        edition.proofs.scan = scans
        edition.proofs.windows = window...window
        editions.append(edition)
      } else if !edition.proofs.windows.contains(window) {
        let (low, high) = (edition.proofs.windows.lowerBound, edition.proofs.windows.upperBound)
        edition.proofs.windows = min(low, window)...max(high, window)
      }
    }
    for edition in editions { lookAtPins(of: edition, slots, residency) }
  }

  /// The same for those that belong to `edition`. O(its cursors).
  private mutating func lookAtPins(
    of edition: Edition, _ slots: [RegionSlot], _ residency: borrowing Residency
  ) {
    let (low, high) = (edition.proofs.windows.lowerBound, edition.proofs.windows.upperBound)
    let (first, last) = (edition.grid.start(of: low), edition.grid.start(of: high))
    // Most leases lie outside the batch, and are passed over by comparing offsets.
    unsafe edition.pins.forEachLease(from: first, through: last) { pin in
      let held = unsafe pin.pointee.lease.load(ordering: .acquiring)
      let windows = unsafe pin.pointee.windows(edition.grid, held)
      if windows.count == 1 {
        // It may be another lease by now than the one that lay here, and on a window past the table.
        guard low...high ~= windows.lowerBound else { return }
        let word = unsafe edition.windows.word(windows.lowerBound)
        if word.state == .candidate { unsafe found(word.slot, held, pin) }
        return
      }
      // Half of an old and half of a new lease may reach past the table; the batch does not.
      let lease = windows.clamped(to: low..<high + 1)
      if lease.count > slots.count {
        for slot in slots
        where residency.edition(of: slot) === edition && lease.contains(residency.window(of: slot))
        {
          unsafe found(slot, held, pin)
        }
        return
      }
      for window in lease {
        let word = unsafe edition.windows.word(window)
        if word.state == .candidate { unsafe found(word.slot, held, pin) }
      }
    }
  }

  /// Notes a lease on a region.
  private mutating func found(_ slot: RegionSlot, _ lease: UInt64, _ pin: Pin) {
    records[slot.index].pinnedInScan = scans
    // Of a wide lease the slot does not tell all.
    unsafe records[slot.index].holder = lease & PinSlot.countMask == PinSlot.isWide ? nil : pin
    records[slot.index].holderLease = lease
  }
}
