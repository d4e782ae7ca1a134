public import MapProtocols
import Synchronization

/// Reads a file through windows of memory: `use` a range, then look at `bytes`.
///
/// A cursor holds a *lease* on the windows of its last `use`: they stay in memory, and `bytes` valid, until the next
/// `use` outside them, `release()`, or the end of the cursor. Uses inside the lease cost a bounds check; a use of another
/// loaded window costs a pin, without a lock. Make one with `MapManager.cursor(for:)`; it keeps its manager alive.
///
/// A cursor can't be copied by accident (`copy()` makes a second one) and may move between threads and tasks, one using it
/// at a time; different cursors don't hinder each other.
///
/// A span taken from `bytes` borrows the cursor to the end of the scope in which it is held in a `let`. Use a `do { }`, a
/// loop's body or `withBytes` before the cursor moves again.
///
/// After fork(2) a lease stays readable in the child, and so do windows that are loaded; what needs the manager's lock
/// throws `MapError.Code.forked` there.
@safe
public struct WindowCursor: ~Copyable, @unchecked Sendable {
  @usableFromInline let core: MapCore
  @usableFromInline var edition: Edition
  @usableFromInline var state: CursorState
  /// What `bytes` lies in where no window could be had.
  var held: HeldCopy?
  /// Memory of the cursor's own that shows nothing now; see `bypass`.
  var spare: HeldCopy?
  /// What was missing of a lease that ended, and is to be told yet.
  var untold: Missing?

  init(core: MapCore, source: FileSource, attachment: MapCore.Attachment) {
    self.core = core
    self.source = source
    edition = attachment.edition
    state = CursorState(core: core, attachment: attachment)
  }

  init(core: MapCore, source: FileSource, edition: Edition, state: CursorState) {
    self.core = core
    self.source = source
    self.edition = edition
    self.state = state
  }

  deinit {
    if let spare { core.giveBack(spare) }
    unsafe core.detach(edition, unsafe state.pin, held)
  }

  /// What the cursor was made for.
  public let source: FileSource

  /// The file's size in bytes as this cursor knows it: when it was made, or last refreshed. O(1).
  @inlinable
  public var fileSize: Int64 { state.fileSize }

  /// The bytes of the file that `bytes` shows; empty at 0 if the cursor is not valid. O(1).
  @inlinable
  public var range: Range<Int64> {
    if !isValid { return 0..<0 }
    let start = unsafe Int64(state.base.distance(to: state.viewAddress))
    return start..<start + Int64(state.viewCount)
  }

  /// Whether the last `use` succeeded and nothing was released since. O(1).
  @inlinable
  public var isValid: Bool { unsafe state.viewAddress != CursorState.noAddress }

  /// The bytes of the last `use`, as long as the cursor is not used again. Empty if the cursor is not valid. O(1).
  ///
  /// The memory of a mapped window is the page cache's own: a write to the file by anyone shows here as it happens. Touching
  /// a page that is not in memory yet waits for the disk. What was read instead of mapped, also of a window that is seldom
  /// asked for while the budget is full (<doc:BudgetsAndEviction>), is as it was then, until `release()`.
  @inlinable
  public var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      #if SLIDING_MAP_CANARY
        state.checkCanaries()
      #endif
      // Valid because the lease is: this cursor's pin forbids unloading, and the span can't outlive the borrow.
      let span = unsafe RawSpan(_unsafeStart: state.viewAddress, byteCount: state.viewCount)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// `bytes` for the time of a call; a class that stores a cursor can't hand out a span of it.
  func lend<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    try body(bytes)
  }

  /// Lets go of the lease; the cursor is no longer valid and can be used again. Takes the lock only if the budget is
  /// overshot, to unload what that frees, or to give private memory back. O(1).
  ///
  /// Bytes of the lease that were missing are told of by the next `check()`, or `use`.
  public mutating func release() {
    noteMissing()
    endLease()
  }

  /// Lets go of the lease and what goes with it, whether bytes were missing or not.
  mutating func endLease() {
    let left = held == nil ? state.leasedWindows : 0..<0
    // While it moves, the slot has the windows of the next lease.
    let windows = unsafe state.pin.pointee.windows(state.grid)
    let isWanted = state.release()
    recycleCopy()
    giveBackSpare()
    if isWanted {
      core.leaseEnded(on: windows, of: edition)
      if left != windows && !left.isEmpty { core.leaseEnded(on: left, of: edition) }
    }
  }

  /// A second cursor on the same file with the same lease and range. O(1), takes the lock.
  ///
  /// The copy is independent: it keeps its windows when the original moves on.
  public func copy() -> WindowCursor {
    if core.isForked {
      // The lock may be held by a thread that the child does not have, and nothing unloads here: share the slot.
      return WindowCursor(core: core, source: source, edition: edition, state: state)
    }
    let (pin, log) = unsafe core.duplicate(edition, state.pin, held)
    var state = self.state
    unsafe state.pin = pin
    state.log = log
    var copy = WindowCursor(core: core, source: source, edition: edition, state: state)
    copy.held = held
    copy.untold = untold
    return copy
  }

  /// Looks at the file's size again, so that bytes appended since can be used. The lease stays if it is one on windows and the
  /// file's place in memory has room; else it is let go. A lease on copies of the last window of a file that only grows is let go first,
  /// as that window is to be read anew.
  ///
  /// One fstat(2). Where the descriptor was closed, a stat(2) for each path under which cursors asked for the file, this one's
  /// first, until one leads to it.
  ///
  /// - Throws: `.openFailed` with errno, `.handlesExhausted`, `.addressSpaceExhausted`, `.shutdown`, `.forked`; `.fileChanged`
  ///   where no path leads to the file any more, and for one that changed while neither a map nor a descriptor held it;
  ///   `.budgetExhausted` where a window grew that is in use, and a hard budget has no room for that. The size stays then, and all
  ///   other leases.
  public mutating func refresh() throws(MapError) {
    noteMissing()
    if core.mustEnd(unsafe state.pin.pointee.windows(state.grid), of: edition) { release() }
    switch try core.refresh(edition, source) {
    case .size(let size):
      // Bytes that were read without a window may be of an older version.
      if held != nil { release() }
      state.setFileSize(size, mayShowMore: true)
      // As a use there would find it.
      if range.lowerBound >= size { release() }
    case .moved(let replacement):
      let old = unsafe (edition: edition, pin: state.pin, copy: held)
      held = nil
      edition = replacement.edition
      state = CursorState(core: core, attachment: replacement)
      unsafe core.detach(old.edition, old.pin, old.copy)
    }
  }
}
