import CMapShims
import MapProtocols
import Policies
import Synchronization
import SystemPackage

/// The machine room of a manager: files, regions, budget and policy, and the lock over them.
///
/// Hits never come here: a cursor pins by its slot and reads the window's word (`WindowCursor`, `PinSlot`). Loading,
/// unloading, opening and closing take the lock; system calls happen outside it, collected in `Chores`.
@usableFromInline
@safe
final class MapCore: @unchecked Sendable {
  let monitor = Monitor()
  /// The backend the user chose.
  let primary: Backend
  /// The one that serves files the first one can't.
  let takeover: Backend?
  let budget: any Budget
  let grid: WindowGrid
  let pattern: AccessPattern
  let changes: FileChanges
  let pageSize: Int
  let control: ControlBlock
  let bypassClock = BypassClock()
  /// The most bytes that are read past a window.
  let bypassLimit: Int
  let forkGeneration = smap_fork_generation()

  let openings = BlockingCalls()
  let warmings = ServiceCrews()
  /// Of copies that are kept in memory.
  let lockedAddresses = LockedAddresses()

  // All below is guarded by `monitor`.
  let parts: UnsafeMutablePointer<Parts>
  var barrier: Barrier
  var cursors = 0
  /// Threads that wait for a handle that others use, or in `makeRoom` for a load to end.
  var handleWaiters = 0
  var isShutDown = false
  /// Bytes that are kept in memory by `MemoryLock`s.
  var lockedBytes = 0
  /// How many threads are unloading and closing because of it.
  var shutdowns = 0
  /// What is counted as it happens; cursors and parts count for themselves what they see.
  var counters = MapStatistics.Counts()

  /// How many loads lie between two questions to the budget.
  static let budgetInterval = 1024
  /// What a takeover's reserve holds for a window, however large windows are.
  static let mostReservedPerWindow = 2 << 20

  init(
    provider: any RegionProvider, policy: any EvictionPolicy, budget: any Budget, grid: WindowGrid,
    pattern: AccessPattern = .learned, changes: FileChanges = .followed
  ) {
    primary = Backend(provider, grid)
    takeover = provider.takeover.map { Backend($0.provider, grid) }
    self.budget = budget
    self.grid = grid
    self.pattern = pattern
    self.changes = changes
    pageSize = SystemPage.size
    let window = Int(min(grid.windowSize, Int64(Self.mostReservedPerWindow)))
    let (reserved, overflow) = (provider.takeover?.reservedWindows ?? 0)
      .multipliedReportingOverflow(by: window)
    let copies = CopyDesk(reserved: overflow ? 0 : reserved, pageSize: pageSize)
    bypassLimit =
      !copies.isOpen || changes == .oneVersion && primary.isCopying
      ? 0 : Self.bypassLimit(provider.bypassLimit, grid: grid, pageSize: pageSize)
    barrier = smap_membarrier_register() ? .system : .fences
    let ledger = Ledger(
      budget, isCopied: primary.isCopying, windowSize: Int(clamping: grid.windowSize))
    unsafe parts = .allocate(capacity: 1)
    unsafe parts.initialize(
      to: Parts(
        ledger, Recency(policy, ledger.capacity), copies, HotWindows(grid, pageSize: pageSize)))
    unsafe control = .allocate(capacity: 1)
    unsafe control.initialize(to: Atomic(0))
    publishReporting()
    #if Schedule
      noteBeginning()
    #endif
  }

  deinit {
    #if Schedule
      noteEnd()
    #endif
    // Cursors keep the core alive, so nothing is pinned and no other thread is here. In a forked child the maps are
    // copies of its own; the provider decides what it may still touch.
    let isForked = isForked
    var files: [TrackedFile] = []
    places.forEachHandle { files.append($0) }
    places.forEachEdition { edition in
      if !isForked {
        if let extent = edition.extent { edition.backend.release(extent) }
        for slot in residency.slots(of: edition) where edition.isInSpans {
          let span = edition.spans?.take(of: residency.window(of: slot))
          span.map(edition.backend.release)
        }
      }
      // Each keeps the other.
      edition.file.remove(edition)
    }
    if !isForked {
      for file in files { file.handle.map(file.backend.provider.close) }
      openings.shutdown()
      primary.end()
      takeover?.end()
    }
    unsafe parts.deinitialize(count: 1)
    unsafe parts.deallocate()
    unsafe control.deallocate()
  }

  /// Whether this process is a child that inherited the core over a fork. Other threads' locks are not to be had here.
  var isForked: Bool { smap_fork_generation() != forkGeneration }

  func checkUsable() throws(MapError) {
    if isShutDown { throw MapError(.shutdown) }
  }

  /// Takes the lock, until the token's life ends.
  func lock() -> LockToken { LockToken(self) }

  /// Calls `body` with the lock, which it does not give up.
  func locked<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    monitor.lock()
    defer { giveUpLock() }
    return try body()
  }

  /// The same for calls that can wait: those who wait for the lock have it first.
  func inTurn<Result>(_ body: () -> Result) -> Result {
    monitor.lockInTurn()
    defer { giveUpLock() }
    return body()
  }

  // MARK: Budget

  /// Asks the budget anew and applies what it says.
  func refreshLimits(_ token: inout LockToken) {
    let held = ledger.usage
    let fresh = token.unlocked { budget.limits(holding: held) }
    if ledger.isRelieved(by: fresh) { places.noteRelief() }
    if !ledger.apply(fresh) { return }
    noteRoom()
    drainLogs()
    recency.setCapacity(ledger.capacity)
    var chores = Chores()
    if ledger.exceedsMaps { _ = coolDown(&chores) }
    try? makeRoom(for: .none, &chores, &token)
    perform(&chores, &token)
  }

  // MARK: Control word

  func publishReporting() {
    let kept = ~(Control.limitMask | Control.ordered | Control.observed)
    var bits = unsafe control.pointee.load(ordering: .relaxed) & kept | recency.controlBits
    if barrier != .system { bits |= Control.fences }
    unsafe control.pointee.store(bits, ordering: .relaxed)
    callAttention()
  }

  /// Makes every cursor look at the control word. O(cursors).
  private func callAttention() {
    places.forEachEdition { $0.pins.callAttention() }
  }

  var isOvershooting: Bool {
    get { unsafe control.pointee.load(ordering: .relaxed) & Control.overshoot != 0 }
    set {
      if newValue {
        unsafe control.pointee.bitwiseOr(Control.overshoot, ordering: .relaxed)
        callAttention()
      } else {
        unsafe control.pointee.bitwiseAnd(~Control.overshoot, ordering: .relaxed)
        evictor.suspectAll()
      }
    }
  }
}
