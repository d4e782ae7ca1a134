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
    machine[place(.held)] = loaded
    machine[place(.suspects)] = Self.unknown
    let programs = scripts.indices.map { Writer(self, thread: $0).program }
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

  fileprivate enum Word {
    static let absent: UInt8 = 0
    static let resident: UInt8 = 1
    static let loading: UInt8 = 2
    static let candidate: UInt8 = 4
    static let leaving: UInt8 = 6
    static let states: UInt8 = 7
    static let waiters: UInt8 = 8
  }

  fileprivate enum Check {
    static let none: UInt8 = 0
    static let marked: UInt8 = 1
    static let unused: UInt8 = 2
  }

  fileprivate enum Place {
    case word(Int), bytes(Int), lease(Int), attention(Int), overshoot, lock
    // Guarded by the lock.
    case held, suspects, waiting, check(Int), pinnedSince(Int), marked(Int), end
  }

  /// Not known what may be unused: `suspects` is nil.
  fileprivate static let unknown: UInt8 = 0x80

  fileprivate func place(_ place: Place) -> Location {
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

  fileprivate func bit(_ window: Int) -> UInt8 { 1 << UInt8(window) }
}

/// Writes the program of a thread.
private struct Writer {
  typealias Turn = Program.Turn
  typealias Word = PinProtocol.Word
  typealias Check = PinProtocol.Check

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

  private func write(_ action: PinProtocol.Action) {
    switch action {
    case .use(let cursor, let windows): use(cursor, windows)
    case .read(let windows): read(windows)
    case .copy(let source, let copy): self.copy(source, copy)
    case .release(let cursor, let windows): release(cursor, windows)
    case .collect: collect()
    }
  }

  private func at(_ place: PinProtocol.Place) -> Location { model.place(place) }
  private func bit(_ window: Int) -> UInt8 { 1 << UInt8(window) }
  private func windows(_ bits: UInt8) -> [Int] {
    (0..<model.windows).filter { bits & bit($0) != 0 }
  }

  // MARK: Cursors

  /// `WindowCursor.use`: the fast path for one window, and what comes where that ends.
  private func use(_ cursor: Int, _ wanted: UInt8) {
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
        if $0.load(at(.attention(cursor))) != 0 { $0.goto(slow) } else { $0.goto(done) }
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
  private func setReferenceBit(_ window: Int) {
    program.step("store the word again") {
      $0.store(Word.resident, to: at(.word(window)), .relaxed)
    }
  }

  /// `pinResident`, `acquire` and `settle`.
  private func slowUse(_ cursor: Int, _ wanted: UInt8) {
    let acquire = program.label()
    let settle = program.label()
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
    program.step("go on") { $0.goto(settle) }
    program.place(acquire)
    lock("suspect what the cursor held") { suspect($0[Own.old], &$0) }
    for window in windows(wanted) { self.acquire(window) }
    perform()
    makeRoom(for: 0)
    perform()
    unlock { $0[Own.isOvershot] = 0 }
    program.place(settle)
    program.step("take attention back") {
      _ = $0.exchange(at(.attention(cursor)), for: 0)
      if !$0.isBlocked { $0[Own.old] = 0 }
    }
    let end = program.label()
    program.step("load overshoot") { if $0.load(at(.overshoot)) == 0 { $0.goto(end) } }
    program.step("keep attention") { $0.store(1, to: at(.attention(cursor)), .relaxed) }
    program.place(end)
  }

  private func read(_ bits: UInt8) {
    for window in windows(bits) {
      program.step("read window \(window)") { $0.read(at(.bytes(window))) }
    }
  }

  /// `WindowCursor.copy`: under the lock, so that no scan sees the source after and the copy before.
  private func copy(_ source: Int, _ copy: Int) {
    let isLocked = model.fault != .copyWithoutRecheck
    if isLocked { lock() }
    program.step("publish the copy") {
      $0.store($0.machine.load(thread, at(.lease(source))), to: at(.lease(copy)), .release)
    }
    if isLocked { unlock() }
  }

  /// `WindowCursor.release`.
  private func release(_ cursor: Int, _ held: UInt8) {
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

  private func fenceIfNeeded() {
    if !model.hasBarrier && model.fault != .noFence { program.step("fence") { _ = $0.fence() } }
  }

  // MARK: The core

  private func lock(_ name: String = "lock", _ body: @escaping (inout Turn) -> Void = { _ in }) {
    program.step(name) {
      let owner = $0.modify(at(.lock)) { $0 == 0 ? UInt8(thread) + 1 : $0 }
      if owner == nil || owner != 0 { $0.isBlocked = true } else { body(&$0) }
    }
  }

  private func unlock(_ body: @escaping (inout Turn) -> Void = { _ in }) {
    program.step("unlock") {
      if $0.modify(at(.lock), { _ in 0 }) != nil { body(&$0) }
    }
  }

  /// What the lock guards.
  private func guarded(_ place: PinProtocol.Place, _ turn: borrowing Turn) -> UInt8 {
    precondition(turn.machine[at(.lock)] == UInt8(thread) + 1, "the lock is not held")
    return turn.machine[at(place)]
  }

  private func setGuarded(_ place: PinProtocol.Place, _ turn: inout Turn, _ value: UInt8) {
    precondition(turn.machine[at(.lock)] == UInt8(thread) + 1, "the lock is not held")
    turn.machine[at(place)] = value
  }

  private func suspect(_ windows: UInt8, _ turn: inout Turn) {
    let suspects = guarded(.suspects, turn)
    if suspects == PinProtocol.unknown { return }
    setGuarded(.suspects, &turn, suspects | windows & guarded(.held, turn))
  }

  /// `MapCore.acquire` for one window.
  private func acquire(_ window: Int) {
    let again = program.label()
    let wait = program.label()
    let work = program.label()
    let next = program.label()
    let claim = program.label()
    program.place(again)
    program.step("look at window \(window)") { turn in
      // Whoever has work to do does it before he waits.
      let isIdle = turn[Own.loads] | turn[Own.unloads] == 0
      let waiters = isIdle && model.fault != .lostWaiter ? Word.waiters : 0
      let old = turn.modify(at(.word(window))) {
        switch $0 & Word.states {
        case Word.candidate: Word.resident | $0 & Word.waiters
        case Word.absent: Word.loading
        case Word.resident: $0
        default: $0 | waiters
        }
      }
      switch old.map({ $0 & Word.states }) {
      case nil: return
      case Word.candidate:
        unmark(window, &turn)
        turn.goto(next)
      case Word.absent: turn.goto(claim)
      case Word.resident: turn.goto(next)
      default: turn.goto(isIdle ? wait : work)
      }
    }
    program.place(work)
    perform()
    program.step("look again") { $0.goto(again) }
    program.place(wait)
    unlock { $0.machine[at(.waiting)] |= bit(thread) }
    program.step("wait") {
      if $0.machine[at(.waiting)] & bit(thread) != 0 { $0.isBlocked = true }
    }
    lock()
    program.step("look again") { $0.goto(again) }
    program.place(claim)
    makeRoom(for: 1)
    program.step("claim window \(window)") {
      setGuarded(.held, &$0, guarded(.held, $0) | bit(window))
      setGuarded(.check(window), &$0, Check.none)
      $0[Own.loads] |= bit(window)
    }
    program.place(next)
  }

  /// The mark is gone: no barrier that was called before speaks of it any more.
  private func unmark(_ window: Int, _ turn: inout Turn) {
    setGuarded(.check(window), &turn, Check.none)
    for other in model.scripts.indices {
      setGuarded(.marked(other), &turn, guarded(.marked(other), turn) & ~bit(window))
    }
  }

  /// `perform`: unloads and loads outside the lock.
  private func perform() {
    let end = program.label()
    program.step("begin to work") { if $0[Own.loads] | $0[Own.unloads] == 0 { $0.goto(end) } }
    unlock()
    for window in 0..<model.windows {
      program.step("unload window \(window)") {
        if $0[Own.unloads] & bit(window) != 0 { $0.modify(at(.bytes(window))) { _ in 0 } }
      }
    }
    for window in 0..<model.windows {
      program.step("load window \(window)") {
        if $0[Own.loads] & bit(window) != 0 { $0.modify(at(.bytes(window))) { _ in 1 } }
      }
    }
    lock()
    for window in 0..<model.windows {
      program.step("finish window \(window)") {
        let isLoad = $0[Own.loads] & bit(window) != 0
        guard isLoad || $0[Own.unloads] & bit(window) != 0 else { return }
        let new = isLoad ? Word.resident : Word.absent
        guard let old = $0.modify(at(.word(window)), { _ in new }) else { return }
        if old & Word.waiters != 0 { setGuarded(.waiting, &$0, 0) }
        $0[isLoad ? Own.loads : Own.unloads] &= ~bit(window)
      }
    }
    program.place(end)
  }

  /// `makeRoom`, `nextVictim` and `provenVictim`, for so many regions more.
  private func makeRoom(for demand: UInt8) {
    let decide = program.label()
    let leave = program.label()
    let raise = program.label()
    let check = program.label()
    let end = program.label()
    program.step("begin to make room") { $0[Own.search] = Search.start }
    program.place(decide)
    program.step("decide") { turn in
      let held = guarded(.held, turn)
      let isOvershooting = turn.machine.load(thread, at(.overshoot)) != 0
      let unused = windows(held).filter { guarded(.check($0), turn) == Check.unused }
      func giveUp() {
        turn[Own.search] = Search.start
        if !isOvershooting { return turn.goto(raise) }
        if demand > 0 { turn[Own.isOvershot] = 1 }
        if guarded(.suspects, turn) == PinProtocol.unknown { setGuarded(.suspects, &turn, 0) }
        turn.goto(end)
      }
      func look(at slots: UInt8, _ search: UInt8) {
        turn[Own.slots] = slots
        turn[Own.search] = search
        turn.goto(check)
      }
      func take(_ window: Int) {
        turn[Own.slots] = bit(window)
        turn[Own.search] = Search.start
        turn.goto(leave)
      }
      if turn[Own.search] == Search.start {
        if held.nonzeroBitCount + Int(demand) <= model.limit {
          if isOvershooting {
            turn.store(0, to: at(.overshoot), .relaxed)
            setGuarded(.suspects, &turn, PinProtocol.unknown)
          }
          return turn.goto(end)
        }
        if turn[Own.isOvershot] != 0 && isOvershooting && demand > 0 { return turn.goto(end) }
      } else if turn[Own.search] == Search.suspects {
        let those = turn[Own.slots] & held
        let found = windows(those).filter { guarded(.check($0), turn) == Check.unused }
        let suspects = guarded(.suspects, turn)
        if suspects != PinProtocol.unknown {
          var left = suspects
          for window in windows(those & ~turn[Own.pinned]) where !found.contains(window) {
            left |= bit(window)
          }
          setGuarded(.suspects, &turn, left)
        }
        if found.count == 1 { return take(found[0]) }
        if found.count > 1 { turn[Own.search] = Search.round }
      } else if turn[Own.search] == Search.proof {
        if let window = unused.first { return take(window) }
        if (held & turn[Own.pinned]).nonzeroBitCount >= held.nonzeroBitCount { return giveUp() }
        return look(at: held, Search.proof)
      }
      let suspects = guarded(.suspects, turn)
      if turn[Own.search] <= Search.suspects && suspects != PinProtocol.unknown {
        if suspects == 0 { return giveUp() }
        setGuarded(.suspects, &turn, 0)
        return look(at: suspects, Search.suspects)
      }
      if turn[Own.search] != Search.round || suspects != PinProtocol.unknown {
        setGuarded(.suspects, &turn, PinProtocol.unknown)
        if turn[Own.search] != Search.round { setGuarded(.pinnedSince(thread), &turn, 0) }
      }
      if held == 0 { return giveUp() }
      if let window = unused.first { return take(window) }
      let others = held & ~guarded(.pinnedSince(thread), turn)
      look(at: others == 0 ? held : others, others == 0 ? Search.proof : Search.round)
    }
    program.place(check)
    checkPins()
    program.step("decide again") { $0.goto(decide) }
    program.place(leave)
    takeOff()
    program.step("decide again") { $0.goto(decide) }
    program.place(raise)
    if model.fault == .overshootAfterScan {
      // No scan follows: what was found pinned before the flag went up counts.
      raiseOvershoot()
      program.step("give up") { turn in
        if demand > 0 { turn[Own.isOvershot] = 1 }
        if guarded(.suspects, turn) == PinProtocol.unknown { setGuarded(.suspects, &turn, 0) }
        turn.goto(end)
      }
    } else {
      raiseOvershoot()
      program.step("decide again") { $0.goto(decide) }
    }
    program.place(end)
  }

  private func raiseOvershoot() {
    program.step("raise overshoot") { $0.store(1, to: at(.overshoot), .relaxed) }
    if model.fault == .noAttention { return }
    for cursor in 0..<model.cursors {
      program.step("call cursor \(cursor)") { $0.store(1, to: at(.attention(cursor)), .release) }
    }
  }

  /// Claims what `slots` says, which is unused.
  private func takeOff() {
    for window in 0..<model.windows {
      program.step("leave window \(window)") {
        guard $0[Own.slots] & bit(window) != 0 else { return }
        guard $0.modify(at(.word(window)), { Word.leaving | $0 & Word.waiters }) != nil else {
          return
        }
        setGuarded(.check(window), &$0, Check.none)
        setGuarded(.held, &$0, guarded(.held, $0) & ~bit(window))
        $0[Own.unloads] |= bit(window)
      }
    }
  }

  /// `checkPins` of `slots`.
  private func checkPins() {
    if model.fault == .scanBeforeMark {
      barrier()
      scan()
      mark()
    } else {
      mark()
      barrier()
      scan()
    }
    for window in 0..<model.windows {
      program.step("judge window \(window)") {
        guard ($0[Own.slots] & guarded(.held, $0)) & bit(window) != 0 else { return }
        let check = guarded(.check(window), $0)
        let isMarked =
          check == Check.marked && guarded(.marked(thread), $0) & bit(window) != 0
        if isMarked && $0[Own.pinned] & bit(window) == 0 {
          setGuarded(.check(window), &$0, Check.unused)
        } else if isMarked {
          guard $0.modify(at(.word(window)), { Word.resident | $0 & Word.waiters }) != nil else {
            return
          }
          unmark(window, &$0)
        } else if check == Check.none,
          $0.machine[at(.word(window))] & Word.states == Word.loading
        {
          $0[Own.pinned] |= bit(window)
          notePinned(bit(window), &$0)
        }
      }
    }
  }

  private func mark() {
    for window in 0..<model.windows {
      program.step("mark window \(window)") {
        guard $0[Own.slots] & guarded(.held, $0) & bit(window) != 0,
          guarded(.check(window), $0) == Check.none,
          $0.machine[at(.word(window))] & Word.states == Word.resident
        else { return }
        if $0.modify(at(.word(window)), { Word.candidate | $0 & Word.waiters }) != nil {
          setGuarded(.check(window), &$0, Check.marked)
        }
      }
    }
    program.step("note the marks") { turn in
      let marked = (0..<model.windows).filter { guarded(.check($0), turn) == Check.marked }
      setGuarded(.marked(thread), &turn, marked.reduce(0) { $0 | bit($1) })
    }
  }

  private func barrier() {
    unlock()
    if !model.hasBarrier {
      fenceIfNeeded()
    } else if model.fault != .noBarrier {
      for other in model.scripts.indices where other != thread {
        program.step("barrier of thread \(other)") {
          $0.isBlocked = $0.machine.buffered(other) > 0
        }
      }
    }
    lock { $0[Own.pinned] = 0 }
  }

  private func scan() {
    for cursor in 0..<model.cursors {
      program.step("look at the lease of cursor \(cursor)") { turn in
        let lease = turn.load(at(.lease(cursor)))
        let found = windows(lease).filter {
          turn.machine[at(.word($0))] & Word.states == Word.candidate
            || model.fault == .scanBeforeMark
        }
        let pinned = found.reduce(0) { $0 | bit($1) }
        turn[Own.pinned] |= pinned
        notePinned(pinned, &turn)
      }
    }
  }

  private func notePinned(_ windows: UInt8, _ turn: inout Turn) {
    for other in model.scripts.indices {
      setGuarded(.pinnedSince(other), &turn, guarded(.pinnedSince(other), turn) | windows)
    }
  }

  /// `collect`: checks everything at once and unloads what is unused.
  private func collect() {
    lock { $0[Own.slots] = guarded(.held, $0) }
    checkPins()
    program.step("take what is unused") { turn in
      let unused = windows(turn[Own.slots] & guarded(.held, turn)).filter {
        guarded(.check($0), turn) == Check.unused
      }
      turn[Own.slots] = unused.reduce(0) { $0 | bit($1) }
    }
    takeOff()
    perform()
    makeRoom(for: 0)
    perform()
    unlock()
  }
}
