import MapProtocols
import SystemPackage
import Synchronization

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// One file as the core knows it: identity, extent, handle, table of windows, and who uses it.
///
/// All but the table's words, the base cell and the slots is guarded by the core's lock. An entry lives as long as it has
/// cursors or loaded regions; the last of them to go takes it out of the registry, with its extent and handle.
@usableFromInline
@safe
final class FileEntry: @unchecked Sendable {
  // What a miss looks at comes first, side by side: with many files each cache line is a wait for memory.

  /// The extent's base, read by readers after a window's word said resident. It changes only while no window of the file
  /// is loaded, so the acquiring load of the word orders it.
  let base = Atomic<UInt>(0)
  let windows: WindowTable
  let grid: WindowGrid
  /// Whose the handle and the extent are. It changes when the file has neither, or from the takeover back to the first.
  var backend: Backend
  var generation: FileGeneration {
    didSet { longest = Turn.isPlanted("short extent") ? size : max(longest, size) }
  }
  /// The version that copies are held to, where it is another: the file outgrew the entry, which goes on with what it has room for.
  var outgrownGeneration: FileGeneration?
  /// How many more requests for absent windows are read past them, because copies of an old version are used.
  var requestsPast = 0
  /// Which of the core's adoptions that was.
  var adoption = 0
  var handle: Handle?
  var extent: Extent?
  /// A thread is making, replacing or dropping the extent, outside the lock. No window is claimed meanwhile.
  var isChangingExtent = false
  /// How many bytes the extent will have that is being made.
  var making: Int?
  /// What the backend was told of the extent.
  var advised = AccessAdvice.normal
  var listing = Residency.Listing()
  /// Calls to the provider under way for which handle and extent must stay.
  var handleUsers = 0
  /// Those for which the extent must stay, but not the handle.
  var extentUsers = 0
  var inFiles = EntryLinks()
  var history = AccessHistory()
  let identity: FileIdentity

  // What scans, cursors that come and go, opening and closing look at.

  var pins = PinSlots()
  var proofs = PinProofs.FileRecord()
  var cursors = 0
  var inHandles = EntryLinks()
  /// How readers get at the handle without the lock.
  let gate: HandleGate
  /// The addresses an extent of this file reserves: its size when first seen, and room for growth.
  let reserved: Int
  /// The largest size that the file had, in bytes: some cursor may know it still, and windows may be loaded up to there.
  private(set) var longest: Int64
  /// How often the file was read without a window.
  var copies = 0
  let source: FileSource
  /// The last paths under which cursors asked for this file, each of which may lead there still.
  var paths: [FilePath]
  /// The entry to which this one left its handle when the file outgrew it. As long as that one is in use, it tells how the
  /// file is now; afterwards the handle comes back.
  var heir: FileEntry?
  /// Whose heir this is.
  weak var predecessor: FileEntry?

  /// Nil if there is no memory for the table, or no addresses for any file of this size.
  init?(
    source: FileSource, opened: OpenedFile, backend: Backend, grid: WindowGrid, pageSize: Int
  ) {
    let size = opened.status.size
    // No address space holds it, and sums past its end would overflow.
    if size > Int64.max / 2 { return nil }
    let reserved = FileEntry.reservation(for: size, pageSize: pageSize)
    guard let table = unsafe WindowTable.allocate(windows: grid.count(fileSize: Int64(reserved)))
    else { return nil }
    self.source = source
    self.backend = backend
    self.grid = grid
    self.reserved = reserved
    unsafe windows = table
    gate = HandleGate()
    identity = opened.status.identity
    generation = opened.status.generation
    longest = size
    handle = opened.handle
    paths = source.path.map { [$0] } ?? []
  }

  deinit {
    unsafe free(windows)
    gate.deallocate()
  }

  /// The version that copies are held to: each must be of it, as long as one is loaded.
  var copiedGeneration: FileGeneration { outgrownGeneration ?? generation }

  /// The file's size as last seen, in bytes.
  var size: Int64 { generation.size }

  /// How large the file may become before another entry must serve it, in bytes: what its addresses, had or asked for, and its
  /// table cover.
  var room: Int { min(extent?.byteCount ?? making ?? reserved, reserved) }

  /// Regions loaded, being loaded or being unloaded.
  var regions: Int { listing.count }

  /// How many windows the table has room for.
  var windowCount: Int { grid.count(fileSize: Int64(reserved)) }

  /// Whether somebody uses the handle, after which no reader without the lock does.
  func isHandleInUse() -> Bool {
    let isRead = !gate.close() && !Turn.isPlanted("unwatched gate")
    return isRead || handleUsers > 0
  }

  /// A fingerprint of the identity, the file's half of a `RegionKey`.
  var key: UInt64 {
    let mixed = (identity.inode ^ identity.device &* 0x9E37_79B9_7F4A_7C15) &* 0xBF58_476D_1CE4_E5B9
    return mixed ^ mixed >> 31
  }

  /// Whether the file can be opened again should both extent and handle be given up.
  var canReopen: Bool { !paths.isEmpty }

  /// A file may be renamed for ever while somebody holds it.
  private static let mostPaths = 64

  /// Notes a path under which a cursor asked for the file.
  func note(_ source: FileSource) {
    guard let path = source.path, paths.last != path else { return }
    paths.removeAll { $0 == path }
    if paths.count == Self.mostPaths { paths.removeFirst() }
    paths.append(path)
  }

  /// The paths by which the file may be found, that of `source` first.
  func paths(_ source: FileSource?) -> [FilePath] {
    guard let path = source?.path else { return paths }
    return [path] + paths.filter { $0 != path }
  }

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
