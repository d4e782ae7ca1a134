import CMapShims
import MapProtocols
import Synchronization

/// A file as some cursors read it: table of windows, extent, and who uses it. Of copies there is one for each version; of maps, which
/// show writes as they happen, one until the file outgrows it.
///
/// All but the table's words, the base cell, the end and the slots is guarded by the core's lock. It lives as long as it has cursors
/// or loaded regions.
@usableFromInline
@safe
final class Edition: UseOrdered, @unchecked Sendable {
  // What a miss looks at comes first, side by side: with many files each cache line is a wait for memory.

  /// First of all, as `UseOrder` asks for neighbours' links.
  var links = UseLinks<Edition>()
  /// The extent's base, read by readers after a window's word said resident. It changes only while no window is loaded, so the
  /// acquiring load of the word orders it.
  let base = Atomic<UInt>(0)
  /// The size that is served, in bytes, read by readers likewise. Of copies it changes only while no window is loaded.
  private let end: Atomic<Int64>
  /// Whether copies of its version may be of two contents, so that no lease joins them. Relaxed, like the end: it changes only while no
  /// window is loaded, and is published by the release of the next word that says resident.
  private let isUnsettled: Atomic<Bool>
  private let changes: FileChanges
  /// Whether it is counted which of the kernel's page tables have windows.
  let countsTables: Bool
  let windows: WindowTable
  /// What of its maps can't be had. Such an edition serves only the cursors that it has, and is never repaired.
  let poison: ExtentPoison
  let grid: WindowGrid
  let file: TrackedFile
  var place: Places.ExtentRecord
  var listing = Residency.Listing()
  var history = AccessHistory()
  /// The version of its copies, or the one in which maps were last seen.
  private(set) var status: FileStatus
  /// Whether it was always the same.
  private(set) var isAsMade = true

  // What scans, and cursors that come and go, look at.

  private let table: ZeroedMemory<WindowEntry>
  /// Where windows lie while there is no extent, once that was so. It is made while no window is loaded, and published by the next word.
  private(set) var spans: SpanTable?
  var pins: PinSlots
  var proofs = PinProofs.EditionRecord()
  var tables = PageTables.EditionRecord()
  private(set) var cursors = 0
  /// The addresses an extent of this edition reserves: the file's size when first seen, and room for growth.
  let reserved: Int
  /// The largest size that was served: windows may be loaded up to there.
  private(set) var longest: Int64

  /// Nil if there is no memory for the table, or no addresses for any file of this size.
  init?(
    of file: TrackedFile, _ status: FileStatus, backend: Backend, grid: WindowGrid,
    pageSize: Int, _ changes: FileChanges
  ) {
    precondition(MemoryLayout<WindowEntry>.stride == 1 << WindowEntry.shift)
    let size = status.size
    // No address space holds it, and sums past its end would overflow.
    if size > Int64.max / 2 { return nil }
    let reserved = Edition.reservation(for: size, pageSize: pageSize)
    guard let table = ZeroedMemory<WindowEntry>(count: grid.count(fileSize: Int64(reserved))),
      let poison = ExtentPoison()
    else { return nil }
    self.file = file
    place = Places.ExtentRecord(backend)
    self.grid = grid
    self.reserved = reserved
    self.table = table
    unsafe windows = table.start
    countsTables = PageTables.areCounted(grid, byteCount: reserved, pageSize: pageSize)
    self.poison = poison
    pins = PinSlots(poison)
    self.status = status
    end = Atomic(size)
    self.changes = changes
    isUnsettled = Atomic(false)
    longest = size
    noteJoining()
  }

  // MARK: Brought near

  // A miss looks at some ten cache lines of its file's records, and who opens a file that is known, at more. Of many files none is in a
  // cache: asked for together they are one wait for memory, or three, as one names the next.

  /// Asks for what stands first in this record.
  func prefetch() {
    unsafe smap_prefetch_lines(Unmanaged.passUnretained(self).toOpaque(), 6)
  }

  /// Asks for what it always names: the file's record, the entry of a window, and where it stands whether bytes are missing.
  func prefetchParts(_ window: Int) {
    file.prefetch()
    unsafe smap_prefetch(windows + window)
    poison.prefetch()
  }

  // MARK: Version

  /// The file's size as served, in bytes.
  var size: Int64 { status.size }

  var version: FileVersion { status.version }

  /// The same for readers without the lock.
  var servedEnd: Int64 { end.load(ordering: .relaxed) }

  /// Notes whether windows may be joined, after status or backend have changed.
  func noteJoining() {
    let isJoinable = status.isSettled || onlyGrows(to: status)
    isUnsettled.store(backend.isCopying && !isJoinable, ordering: .relaxed)
  }

  /// Whether what was read of it stays true of a version: of a file that grew, if nobody could write below its end meanwhile.
  func onlyGrows(to new: FileStatus) -> Bool {
    changes.onlyGrows(from: status, to: new)
  }

  /// Whether windows of one lease are of one content. Of maps all are; of copies those of a settled version, and of files that only grow.
  var mayJoin: Bool { !isUnsettled.load(ordering: .relaxed) }

  /// Serves the file as it is now.
  func adopt(_ new: FileStatus) {
    let isShorter = new.size < size
    if new.version != version { isAsMade = false }
    status = new
    longest = max(longest, new.size)
    noteJoining()
    // Published, as the base is, by the release of the next word that says resident; and who goes by an older size is sent to
    // the slow path.
    end.store(new.size, ordering: .relaxed)
    if isShorter { pins.callAttention() }
  }

  /// How large the file may become before another edition must serve it, in bytes: what its addresses, had or asked for, and
  /// its table cover.
  var room: Int { min(place.byteCount ?? reserved, reserved) }

  // MARK: Place

  var extent: Extent? { place.extent }

  /// Whether there are no addresses for its whole length, so that each window has a span of its own.
  var isInSpans: Bool { place.isInSpans }

  /// Where a window lies, or will: in the extent, or in its span.
  func place(of window: Int) -> Extent? {
    isInSpans ? spans?.span(of: window) : extent
  }

  /// Sees to it that there is a table for spans; false where a span is no smaller than an extent, or there is no memory.
  func makeSpanTable() -> Bool {
    if grid.count(fileSize: size) <= 1 { return false }
    if spans == nil { spans = SpanTable(grid, windowCount: windowCount) }
    return spans != nil
  }

  /// Where byte 0 of the file lies, or would, for who has a lease on windows from this one on. Called after their words were seen.
  func origin(of window: Int) -> UnsafeRawPointer {
    if let base = unsafe UnsafeRawPointer(bitPattern: base.load(ordering: .relaxed)) {
      return unsafe base
    }
    guard let spans else { preconditionFailure("a window in use has no place") }
    return unsafe spans.origin(of: window)
  }

  /// Whether windows that are in use can't lie side by side.
  var isScattered: Bool { base.load(ordering: .relaxed) == 0 }

  /// Kernel maps that each loaded window takes beside the extent's.
  var mapsPerWindow: Int { isInSpans ? backend.mapsPerExtent : extent?.mapsPerWindow ?? 0 }

  /// Addresses that each loaded window takes beside the extent's.
  var addressesPerWindow: Int { isInSpans ? Int(grid.windowSize) : 0 }

  /// Whose the extent is, or will be.
  var backend: Backend { place.owner }

  /// Whether a thread is making, replacing or dropping the extent, outside the lock.
  var isChangingPlace: Bool { place.isChanging }

  /// Whether pages of its maps turned out to be missing.
  var isPoisoned: Bool { poison.faults > 0 }

  /// Whether such pages lie in a range. Zeros stand there.
  func isMissing(_ range: Range<Int64>) -> Bool {
    isPoisoned && poison.firstMissing(in: range) != nil
  }

  /// Whether its extent keeps the file readable without a handle or a path.
  var keepsFile: Bool { extent != nil && !backend.isCopying }

  // MARK: Cursors

  /// Counts a share in it: a cursor's, or one of a call under way.
  func share() { cursors += 1 }

  func unshare() {
    cursors -= 1
    precondition(cursors >= 0, "a share is given back twice")
  }

  /// Whether new cursors get it.
  var isCurrent: Bool { file.current === self }

  // MARK: Windows

  /// Regions loaded, being loaded or being unloaded.
  var regions: Int { listing.count }

  /// How many windows the table has room for.
  var windowCount: Int { grid.count(fileSize: Int64(reserved)) }

  /// How far an extent reaches: a quarter over the size, so that a growing file changes its extent a logarithmic number
  /// of times, and at least 64 KiB, which lets 25 small files share a page of the kernel's page table.
  private static func reservation(for size: Int64, pageSize: Int) -> Int {
    let room = max(size / 4, 64 << 10)
    let (wanted, overflow) = size.addingReportingOverflow(room)
    let page = Int64(pageSize)
    let capped = min(overflow ? size : wanted, Int64.max - page)
    return Int((capped + page - 1) / page * page)
  }

  /// The bytes of the budget that a window takes: those it holds, in whole pages.
  func charge(for window: Int, pageSize: Int) -> Int {
    charge(for: window, fileSize: size, pageSize: pageSize)
  }

  /// The same for a file of another size.
  func charge(for window: Int, fileSize: Int64, pageSize: Int) -> Int {
    let bytes = grid.bytes(of: window, fileSize: fileSize).count
    return (bytes + pageSize - 1) / pageSize * pageSize
  }
}
