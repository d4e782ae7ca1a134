public import Synchronization

/// What the table holds for one window: its word, the reference count that hits leave behind, and how often requests passed
/// by it lately. Eight bytes.
///
/// The word is written by read-modify-write only, under the core's lock. Readers load it with acquire, so that whoever
/// sees `resident` also sees the extent's base and the bytes that were loaded before. The count is another byte, so that
/// a plain store of it can't undo a change of the word; see `ReferenceTable` for its ordering.
@usableFromInline
struct WindowEntry: ~Copyable {
  @usableFromInline let word: Atomic<UInt32>
  @usableFromInline let references: Atomic<UInt8>
  /// How often, and in which epoch. Two bytes that belong together, but a bypass more or less is no matter.
  let bypasses: Atomic<UInt8>
  let epoch: Atomic<UInt8>

  /// The power of two that its size is.
  static let shift = 3
}

/// The content of a window's word: a state, whether someone waits for it to change, and the region's slot.
@usableFromInline
struct WindowWord: Hashable, Sendable {
  @usableFromInline var bits: UInt32

  @inlinable init(bits: UInt32) { self.bits = bits }

  init(_ state: State, _ slot: RegionSlot) {
    bits = state.rawValue | slot.rawValue << Self.slotShift
  }

  enum State: UInt32 {
    /// Not in memory; the slot means nothing.
    case absent = 0
    /// In memory at its place in the extent. The only state in which a pin holds without the lock, and the only odd one.
    case resident = 1
    /// Claimed by a thread that is bringing it in.
    case loading = 2
    /// In memory, but about to be looked at for unloading: who wants it takes the slow path and takes the mark back.
    case candidate = 4
    /// Claimed by a thread that is unloading it.
    case leaving = 6
  }

  static let absent = WindowWord(bits: 0)
  private static let stateMask: UInt32 = 7
  static let waitersBit: UInt32 = 8
  private static let slotShift: UInt32 = 4
  /// Region slots have 28 bits: 268 million regions, a terabyte of 4 KiB windows.
  static let maximumSlots = 1 << 28

  var state: State { State(rawValue: bits & Self.stateMask)! }
  var hasWaiters: Bool { bits & Self.waitersBit != 0 }
  @inlinable var isResident: Bool { bits & 1 != 0 }
  var slot: RegionSlot { RegionSlot(rawValue: bits &>> Self.slotShift) }
}

@usableFromInline
typealias WindowTable = UnsafeMutablePointer<WindowEntry>

extension WindowTable {
  func word(_ window: Int) -> WindowWord {
    WindowWord(bits: unsafe self[window].word.load(ordering: .acquiring))
  }

  /// The word of a window that is about to be claimed if it is absent: loaded by a compare-and-exchange that changes nothing.
  ///
  /// A plain read of a page that nobody has touched maps the kernel's page of zeros, and the next write must replace that on every
  /// processor: a fault and an interrupt more than writing first.
  func wordToClaim(_ window: Int) -> WindowWord {
    let absent = WindowWord.absent.bits
    return WindowWord(
      bits: unsafe self[window].word.compareExchange(
        expected: absent, desired: absent, ordering: .acquiring
      ).original)
  }

  /// Replaces a word and returns the old one. Acquire-release: what happened to the window before is visible to who sees
  /// the new state.
  @discardableResult
  func exchange(_ window: Int, _ new: WindowWord) -> WindowWord {
    WindowWord(bits: unsafe self[window].word.exchange(new.bits, ordering: .acquiringAndReleasing))
  }

  /// Where a window's reference count lies.
  func references(_ window: Int) -> UnsafeMutablePointer<Atomic<UInt8>> {
    // Behind the word; a struct of two atomics is laid out like one of two integers.
    unsafe (UnsafeMutableRawPointer(self + window) + MemoryLayout<UInt32>.size)
      .assumingMemoryBound(to: Atomic<UInt8>.self)
  }

  /// Notes a use of a window in its reference count, up to a limit.
  @inlinable
  func mark(_ window: Int, _ limit: UInt8) {
    let count = unsafe self[window].references.load(ordering: .relaxed)
    if count < limit { unsafe self[window].references.store(count &+ 1, ordering: .relaxed) }
  }

  /// Counts a bypass of a window, or none, and returns how many there were in this epoch.
  func countBypass(_ window: Int, epoch: UInt8, by step: UInt8 = 1) -> Int {
    let isNew = unsafe self[window].epoch.load(ordering: .relaxed) != epoch
    if isNew { unsafe self[window].epoch.store(epoch, ordering: .relaxed) }
    let before = isNew ? 0 : unsafe self[window].bypasses.load(ordering: .relaxed)
    let count = before > .max - step ? before : before + step
    unsafe self[window].bypasses.store(count, ordering: .relaxed)
    return Int(count)
  }

  func addWaiter(_ window: Int) {
    unsafe self[window].word.bitwiseOr(WindowWord.waitersBit, ordering: .relaxed)
  }
}
