import MapProtocols

/// Which windows proved themselves hot, so that the kernel is to keep their pages although their file is read at random.
///
/// Since Linux 6.3 reclaim takes the pages of maps under MADV_RANDOM first, however often they are used (`vma_has_recency` in mm/vmscan.c).
/// For pages that are read once that is right; hot ones leave, and come back from the disk one by one. Under MADV_NORMAL they stay, but a
/// page that is missing is read with megabytes around it. So a window is told apart once it was hit twice as often as it has pages: nearly
/// all of them are there by then.
struct HotWindows: ~Copyable {
  /// By slot, how often the region was hit, as far as `proof`; one more once the kernel was told.
  private var uses: [UInt32] = []
  private let proof: UInt32
  /// Those that came to the proof since they were last taken.
  private var proved: [RegionSlot] = []
  private(set) var count = 0
  /// Whether some file was ever read at random: before, nothing is counted.
  private(set) var isWatching = false

  /// Kernel maps that a hot window takes, if its neighbours are not hot: its own, and what comes after it in its file's.
  static let mapsPerWindow = 2
  /// Smaller windows would take more kernel maps than their pages are worth.
  private static let leastPages = 16

  init(_ grid: WindowGrid, pageSize: Int) {
    let pages = grid.windowSize / Int64(pageSize)
    proof = pages < Self.leastPages ? .max - 1 : UInt32(clamping: min(pages * 2, 1 << 24))
  }

  /// Notes that files are read at random from now on.
  mutating func watch() { isWatching = true }

  /// Notes a hit. O(1).
  mutating func note(_ slot: RegionSlot) {
    while uses.count <= slot.index { uses.append(0) }
    let count = uses[slot.index]
    if count >= proof { return }
    uses[slot.index] = count + 1
    if count + 1 == proof { proved.append(slot) }
  }

  /// Whether windows have come to the proof since they were last taken.
  var hasProved: Bool { !proved.isEmpty }

  /// Those windows. Slots may be other regions' by now.
  mutating func takeProved() -> [RegionSlot] {
    defer { proved = [] }
    return proved
  }

  /// Whether a window has proved itself, and the kernel is to be told yet.
  func isProved(_ slot: RegionSlot) -> Bool { slot.index < uses.count && uses[slot.index] == proof }

  /// Whether the kernel was told of a window.
  func isTold(_ slot: RegionSlot) -> Bool { slot.index < uses.count && uses[slot.index] > proof }

  /// Notes that the kernel is told of a window that has proved itself.
  mutating func tell(_ slot: RegionSlot) {
    precondition(isProved(slot), "a window is told apart that is not hot")
    uses[slot.index] = proof + 1
    count += 1
  }

  /// Notes that what the kernel was told of a window is not so any more.
  mutating func untell(_ slot: RegionSlot) {
    precondition(isTold(slot), "a window is told apart no more that was not")
    uses[slot.index] = proof
    count -= 1
  }

  /// Forgets a region that leaves.
  mutating func forget(_ slot: RegionSlot) {
    precondition(!isTold(slot), "the kernel takes a window for hot that leaves")
    if slot.index < uses.count { uses[slot.index] = 0 }
  }
}
