/// What happens under the core's lock, and the system calls after it.
extension PinProgram {
  func lock(_ name: String = "lock", _ body: @escaping (inout Turn) -> Void = { _ in }) {
    program.step(name) {
      let owner = $0.modify(at(.lock)) { $0 == 0 ? UInt8(thread) + 1 : $0 }
      if owner == nil || owner != 0 { $0.isBlocked = true } else { body(&$0) }
    }
  }

  func unlock(_ body: @escaping (inout Turn) -> Void = { _ in }) {
    program.step("unlock") {
      if $0.modify(at(.lock), { _ in 0 }) != nil { body(&$0) }
    }
  }

  /// What the lock guards.
  func guarded(_ place: PinProtocol.Place, _ turn: borrowing Turn) -> UInt8 {
    precondition(turn.machine[at(.lock)] == UInt8(thread) + 1, "the lock is not held")
    return turn.machine[at(place)]
  }

  func setGuarded(_ place: PinProtocol.Place, _ turn: inout Turn, _ value: UInt8) {
    precondition(turn.machine[at(.lock)] == UInt8(thread) + 1, "the lock is not held")
    turn.machine[at(place)] = value
  }

  func suspect(_ windows: UInt8, _ turn: inout Turn) {
    let suspects = guarded(.suspects, turn)
    if suspects == PinProtocol.unknown { return }
    setGuarded(.suspects, &turn, suspects | windows & guarded(.held, turn))
  }

  /// `MapCore.acquire` for one window.
  func acquire(_ window: Int) {
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
  func unmark(_ window: Int, _ turn: inout Turn) {
    setGuarded(.check(window), &turn, Check.none)
    for other in model.scripts.indices {
      setGuarded(.marked(other), &turn, guarded(.marked(other), turn) & ~bit(window))
    }
  }

  /// `perform`: unloads and loads outside the lock.
  func perform() {
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
  func makeRoom(for demand: UInt8) {
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

  func raiseOvershoot() {
    program.step("raise overshoot") { $0.store(1, to: at(.overshoot), .relaxed) }
    if model.fault == .noAttention { return }
    for cursor in 0..<model.cursors {
      program.step("call cursor \(cursor)") {
        $0.store(Attention.called, to: at(.attention(cursor)), .release)
      }
    }
  }

  /// Claims what `slots` says, which is unused.
  func takeOff() {
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
  func checkPins() {
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

  func mark() {
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

  func barrier() {
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

  func scan() {
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

  func notePinned(_ windows: UInt8, _ turn: inout Turn) {
    for other in model.scripts.indices {
      setGuarded(.pinnedSince(other), &turn, guarded(.pinnedSince(other), turn) | windows)
    }
  }

  /// `collect`: checks everything at once and unloads what is unused.
  func collect() {
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
