/// Writes the program of a thread: what its cursors do. What they ask of the core stands in `PinProgram+Core`.
struct PinProgram {
  typealias Turn = Program.Turn
  typealias Word = PinProtocol.Word
  typealias Check = PinProtocol.Check
  typealias Attention = PinProtocol.Attention

  /// The thread's own variables.
  enum Own {
    /// What the cursor in hand held before.
    static let old = 0
    /// Claimed for unloading, and for loading.
    static let unloads = 1
    static let loads = 2
    /// What is being checked for pins, and what this scan found pinned.
    static let slots = 3
    static let pinned = 4
    /// How far the choice of a victim is.
    static let search = 5
    /// The request found the budget overshot already.
    static let isOvershot = 6
  }

  enum Search {
    static let start: UInt8 = 0
    static let suspects: UInt8 = 1
    static let round: UInt8 = 2
    static let proof: UInt8 = 3
  }

  let model: PinProtocol
  let program = Program()
  let thread: Int

  init(_ model: PinProtocol, thread: Int) {
    self.model = model
    self.thread = thread
    for action in model.scripts[thread] { write(action) }
  }

  func write(_ action: PinProtocol.Action) {
    switch action {
    case .use(let cursor, let windows): use(cursor, windows)
    case .read(let windows): read(windows)
    case .copy(let source, let copy): self.copy(source, copy)
    case .release(let cursor, let windows): release(cursor, windows)
    case .collect: collect()
    }
  }

  func at(_ place: PinProtocol.Place) -> Location { model.place(place) }
  func bit(_ window: Int) -> UInt8 { 1 << UInt8(window) }
  func windows(_ bits: UInt8) -> [Int] {
    (0..<model.windows).filter { bits & bit($0) != 0 }
  }

  /// `WindowCursor.use`: the fast path for one window, and what comes where that ends.
  func use(_ cursor: Int, _ wanted: UInt8) {
    let slow = program.label()
    let done = program.label()
    let lease = at(.lease(cursor))
    if wanted.nonzeroBitCount == 1 {
      let window = wanted.trailingZeroBitCount
      func publish() {
        program.step("publish the lease") {
          $0[Own.old] = $0.machine.load(thread, lease)
          $0.store(wanted, to: lease, .release)
        }
        fenceIfNeeded()
      }
      func look() {
        program.step("load the word of window \(window)") {
          if $0.load(at(.word(window))) & Word.states != Word.resident { $0.goto(slow) }
        }
      }
      if model.fault == .pinAfterCheck {
        look()
        publish()
      } else {
        publish()
        look()
      }
      if model.fault == .referenceBitByPlainStore { setReferenceBit(window) }
      program.step("load attention") {
        $0.goto($0.load(at(.attention(cursor))) == Attention.called ? slow : done)
      }
    } else {
      program.step("begin") { $0[Own.old] = $0.machine.load(thread, lease) }
    }
    program.place(slow)
    slowUse(cursor, wanted)
    program.place(done)
    read(wanted)
  }

  /// A reference bit in the word itself, which the real one has beside it.
  func setReferenceBit(_ window: Int) {
    program.step("store the word again") {
      $0.store(Word.resident, to: at(.word(window)), .relaxed)
    }
  }

  /// `pinResident`, `acquire` and `adoptLease`.
  func slowUse(_ cursor: Int, _ wanted: UInt8) {
    let acquire = program.label()
    let adoptLease = program.label()
    program.step("publish the lease") { $0.store(wanted, to: at(.lease(cursor)), .release) }
    fenceIfNeeded()
    program.step("load overshoot") {
      if $0.load(at(.overshoot)) != 0 { $0.goto(acquire) }
    }
    for window in windows(wanted) {
      program.step("load the word of window \(window)") {
        if $0.load(at(.word(window))) & Word.states != Word.resident { $0.goto(acquire) }
      }
    }
    program.step("go on") { $0.goto(adoptLease) }
    program.place(acquire)
    lock("suspect what the cursor held") { suspect($0[Own.old], &$0) }
    for window in windows(wanted) { self.acquire(window) }
    perform()
    makeRoom(for: 0)
    perform()
    unlock { $0[Own.isOvershot] = 0 }
    program.place(adoptLease)
    program.step("take attention back") {
      _ = $0.exchange(at(.attention(cursor)), for: 0)
      if !$0.isBlocked { $0[Own.old] = 0 }
    }
    let open = program.label()
    let end = program.label()
    program.step("load overshoot") { if $0.load(at(.overshoot)) == 0 { $0.goto(open) } }
    program.step("keep attention") {
      $0.store(Attention.called, to: at(.attention(cursor)), .relaxed)
      $0.goto(end)
    }
    program.place(open)
    program.step("note that hits go to the log") {
      let attention = at(.attention(cursor))
      if model.fault == .logsByPlainStore {
        $0.store(Attention.logs, to: attention, .relaxed)
      } else {
        $0.compareExchange(attention, 0, for: Attention.logs)
      }
    }
    program.place(end)
  }

  func read(_ bits: UInt8) {
    for window in windows(bits) {
      program.step("read window \(window)") { $0.read(at(.bytes(window))) }
    }
  }

  /// `WindowCursor.copy`: under the lock, so that no scan sees the source after and the copy before.
  func copy(_ source: Int, _ copy: Int) {
    let isLocked = model.fault != .copyWithoutRecheck
    if isLocked { lock() }
    program.step("publish the copy") {
      $0.store($0.machine.load(thread, at(.lease(source))), to: at(.lease(copy)), .release)
    }
    if isLocked { unlock() }
  }

  /// `WindowCursor.release`.
  func release(_ cursor: Int, _ held: UInt8) {
    let end = program.label()
    if model.fault != .clearBeforeLastRead { read(held) }
    program.step("clear the lease") {
      $0[Own.old] = $0.machine.load(thread, at(.lease(cursor)))
      let order: Machine.Order = model.fault == .clearWithoutRelease ? .relaxed : .release
      $0.store(0, to: at(.lease(cursor)), order)
    }
    if model.fault == .clearBeforeLastRead { read(held) }
    fenceIfNeeded()
    if model.fault == .releaseWithoutLook {
      program.step("go on") {
        $0[Own.old] = 0
        $0.goto(end)
      }
    }
    program.step("load overshoot") {
      if $0.load(at(.overshoot)) == 0 {
        $0[Own.old] = 0
        $0.goto(end)
      }
    }
    lock("suspect what was held") {
      suspect($0[Own.old], &$0)
      $0[Own.old] = 0
    }
    makeRoom(for: 0)
    perform()
    unlock()
    program.place(end)
  }

  func fenceIfNeeded() {
    if !model.hasBarrier && model.fault != .noFence { program.step("fence") { _ = $0.fence() } }
  }
}
