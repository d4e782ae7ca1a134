/// The protocol by which cursors pin windows without a lock and the core unloads what nobody uses, as programs for a
/// `Machine`: publish, check, load, evict, copy, release, and the overshoot of a budget that all this must end.
///
/// Each step stands for one access of `CursorState`, `PinSlot`, `MapCore.acquire`, `makeRoom`, `nextVictim`, `checkPins`
/// or `perform` to what threads share, in their order; what the core's lock guards counts as one with the step. The policy
/// is any: it names whatever is unused. Numbers of marks and scans are sets here: which marks were made before a barrier,
/// what was found pinned since a round began.
struct PinProtocol {
  /// What can be done wrong.
  enum Fault: CaseIterable {
    /// The evictor goes from its marks to the scan at once.
    case noBarrier
    /// Readers do not fence though there is no membarrier.
    case noFence
    /// A hit stores the word it saw back, with a reference bit, and erases what the evictor made of it meanwhile.
    case referenceBitByPlainStore
    /// A copy publishes its lease without the lock and does not look at the word again.
    case copyWithoutRecheck
    case scanBeforeMark
    /// The last bytes are read when the lease is gone.
    case clearBeforeLastRead
    /// The lease goes by a relaxed store, which earlier reads may pass.
    case clearWithoutRelease
    /// The lease is published when the word was found resident.
    case pinAfterCheck
    /// The flag goes up when leases have been looked at for the last time.
    case overshootAfterScan
    /// Who releases a lease does not look at the flag.
    case releaseWithoutLook
    /// The flag goes up, but cursors on the fast path are not called.
    case noAttention
    /// A cursor notes that hits go to the log, whether the core has called it meanwhile or not.
    case logsByPlainStore
    /// Who waits for a window does not say so in its word.
    case lostWaiter
  }

  /// What a thread does with its cursors.
  enum Action {
    /// Makes windows readable, given as bits, and reads their bytes.
    case use(cursor: Int, windows: UInt8)
    /// Reads again what a cursor holds.
    case read(windows: UInt8)
    case copy(from: Int, to: Int)
    /// Reads what a cursor holds once more and lets go of it.
    case release(cursor: Int, windows: UInt8)
    /// Unloads what nobody uses.
    case collect
  }

  var windows = 2
  var cursors = 2
  /// How many regions the budget holds.
  var limit = 1
  /// Loaded in the beginning, as bits.
  var loaded: UInt8 = 0
  /// Whether there is a membarrier; else readers fence.
  var hasBarrier = true
  /// Whether cursors have yet to look at what the core says, as all do in the beginning.
  var isCalled = false
  var fault: Fault?
  let scripts: [[Action]]

  init(_ scripts: [[Action]]) { self.scripts = scripts }

  /// Runs the scripts in every order.
  func explore() -> Exploration {
    var machine = Machine(locations: place(.end).index, threads: scripts.count)
    for window in 0..<windows where loaded & bit(window) != 0 {
      machine[place(.word(window))] = Word.resident
      machine[place(.bytes(window))] = 1
    }
    for cursor in 0..<cursors where isCalled {
      machine[place(.attention(cursor))] = Attention.called
    }
    machine[place(.held)] = loaded
    machine[place(.suspects)] = Self.unknown
    let programs = scripts.indices.map { PinProgram(self, thread: $0).program }
    defer { for program in programs { program.end() } }
    return Exploration(of: machine, programs) { isSound($0) }
  }

  /// What must hold when all threads have ended: what is loaded and what is on the books agree, nothing is on its way, and
  /// no more is loaded than the budget holds unless it is pinned.
  private func isSound(_ machine: Machine) -> String? {
    let held = machine[place(.held)]
    let leases = (0..<cursors).reduce(0) { $0 | machine[place(.lease($1))] }
    for window in 0..<windows {
      let isHeld = held & bit(window) != 0
      let word = machine[place(.word(window))]
      if (word == Word.resident || word == Word.candidate) != isHeld
        || (word == Word.absent) == isHeld
      {
        return "the word of window \(window) is \(word)"
      }
      if (machine[place(.bytes(window))] == 1) != isHeld { return "window \(window) is leaked" }
    }
    if held.nonzeroBitCount > max(limit, leases.nonzeroBitCount) { return "the overshoot stays" }
    return machine[place(.lock)] == 0 ? nil : "the lock is held"
  }

  // MARK: Memory

  enum Word {
    static let absent: UInt8 = 0
    static let resident: UInt8 = 1
    static let loading: UInt8 = 2
    static let candidate: UInt8 = 4
    static let leaving: UInt8 = 6
    static let states: UInt8 = 7
    static let waiters: UInt8 = 8
  }

  enum Check {
    static let none: UInt8 = 0
    static let marked: UInt8 = 1
    static let unused: UInt8 = 2
  }

  enum Place {
    case word(Int), bytes(Int), lease(Int), attention(Int), overshoot, lock
    // Guarded by the lock.
    case held, suspects, waiting, check(Int), pinnedSince(Int), marked(Int), end
  }

  /// What a cursor's `attention` says; 0 stands for marks.
  enum Attention {
    static let called: UInt8 = 1
    static let logs: UInt8 = 2
  }

  /// Not known what may be unused: `suspects` is nil.
  static let unknown: UInt8 = 0x80

  func place(_ place: Place) -> Location {
    let threads = scripts.count
    let cursorsFrom = 3 * windows
    let othersFrom = cursorsFrom + 2 * cursors
    let index =
      switch place {
      case .word(let window): window
      case .bytes(let window): windows + window
      case .check(let window): 2 * windows + window
      case .lease(let cursor): cursorsFrom + cursor
      case .attention(let cursor): cursorsFrom + cursors + cursor
      case .overshoot: othersFrom
      case .lock: othersFrom + 1
      case .held: othersFrom + 2
      case .suspects: othersFrom + 3
      case .waiting: othersFrom + 4
      case .pinnedSince(let thread): othersFrom + 5 + thread
      case .marked(let thread): othersFrom + 5 + threads + thread
      case .end: othersFrom + 5 + 2 * threads
      }
    return Location(index: index)
  }

  func bit(_ window: Int) -> UInt8 { 1 << UInt8(window) }
}
