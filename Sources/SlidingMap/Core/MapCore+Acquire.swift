import MapProtocols

extension MapCore {
  /// What came of a request.
  enum Acquired {
    /// Its windows are there. The log is the calling thread's, for the hits to come.
    case windows(AccessLog)
    /// Its bytes must be read without a window.
    case past
    /// The edition can bring in nothing any more: the file's present one is to serve it.
    case superseded
  }

  /// Makes windows resident that the caller's pin covers already: the path of everything that is no plain hit.
  ///
  /// Windows are accessed in ascending order. O(windows + victims).
  ///
  /// - Parameters:
  ///   - old: the windows that the caller's pin covered before.
  ///   - wanted: what is asked for.
  ///   - shown: what the caller read before; empty if that is not known.
  ///   - mayOvershoot: whether a budget of maps and addresses may be overshot, because there is no other way left.
  func acquire(
    _ edition: Edition, _ windows: ClosedRange<Int>, after old: Range<Int>,
    _ wanted: Range<Int64>, after shown: Range<Int64>, mayOvershoot: Bool = false
  ) throws(MapError) -> Acquired {
    if isForked { throw MapError(.forked) }
    edition.prefetchParts(windows.lowerBound)
    var token = lock()
    places.prefetch(for: edition)
    suspect(old, of: edition)
    try checkUsable()
    drainLogs()
    var chores = Chores()
    chores.mayOvershoot = mayOvershoot
    let loadsBefore = counters.loads
    var (found, failure) = bringIn(edition, windows, wanted, after: shown, &chores, &token)
    if isRefusal(failure, of: edition), stepBack(from: windows, of: edition, &token) {
      (found, failure) = bringIn(edition, windows, wanted, after: shown, &chores, &token)
    }
    if isPassed(failure, of: edition) { (found, failure) = (.noPlace, nil) }
    if found != .window || failure != nil { retireAfterShutdown(edition, &token) }
    if let failure { throw failure }
    switch found {
    case .superseded: return .superseded
    case .noPlace: return .past
    case .window: break
    }
    endOvershoot(&chores, &token)
    if counters.loads / Self.budgetInterval != loadsBefore / Self.budgetInterval {
      refreshLimits(&token)
    }
    return .windows(recency.logForThisThread())
  }

  /// What came of one window of a request.
  enum Found {
    /// It is there, or will be when the chores are done.
    case window
    /// The file has no place for windows.
    case noPlace
    /// The edition can bring in nothing any more.
    case superseded
  }

  /// Decides about the windows of a request, and has brought in what is absent.
  private func bringIn(
    _ edition: Edition, _ windows: ClosedRange<Int>, _ wanted: Range<Int64>,
    after shown: Range<Int64>, _ chores: inout Chores, _ token: inout LockToken
  ) -> (found: Found, failure: MapError?) {
    var found = Found.window
    var failure: MapError?
    do throws(MapError) {
      found = try acquire(edition, windows, wanted, &chores, &token)
      if chores.missed != nil { advise(edition, wanted, after: shown, &chores) }
      adviseHot(&chores)
    } catch {
      failure = error
    }
    failure = perform(&chores, &token) ?? failure
    return (found, failure)
  }

  /// Whether a load failed because the system has no memory, no addresses, or no kernel maps, for its window.
  func isRefusal(_ error: MapError?, of edition: Edition) -> Bool {
    error?.code == .addressSpaceExhausted && (edition.mapsPerWindow > 0 || edition.spans != nil)
  }

  /// Whether a load failed so that its bytes can be read without a window.
  func isPassed(_ error: MapError?, of edition: Edition) -> Bool {
    (error?.code == .notMappable || isRefusal(error, of: edition))
      && (takeover != nil || edition.spans != nil)
  }

  /// Unloads others after the system refused the memory of windows; whether there were any.
  func stepBack(
    from windows: ClosedRange<Int>, of edition: Edition, _ token: inout LockToken
  ) -> Bool {
    let byteCount = windows.reduce(0) { $0 + edition.charge(for: $1, pageSize: pageSize) }
    return stepBack(from: byteCount, isScattered: edition.isInSpans, &token)
  }

  private func acquire(
    _ edition: Edition, _ windows: ClosedRange<Int>, _ wanted: Range<Int64>,
    _ chores: inout Chores, _ token: inout LockToken
  ) throws(MapError) -> Found {
    if exceedsBudget(wanted, of: edition) { throw MapError(.budgetExhausted) }
    for window in windows {
      let found = try acquire(edition, window, wanted, &chores, &token)
      if found != .window { return found }
    }
    return .window
  }

  /// Whether a lease on the windows of a range holds one version.
  private func mayLease(_ range: Range<Int64>, of edition: Edition) -> Bool {
    edition.mayJoin || edition.grid.windows(of: range).count == 1
  }

  /// Whether an edition can bring nothing in any more: of copies only the file's present one does, of maps each that has its map.
  func isSpent(_ edition: Edition) -> Bool {
    !edition.isCurrent && !(edition.extent != nil && !edition.backend.isCopying)
  }

  /// Decides about one window of a request.
  func acquire(
    _ edition: Edition, _ window: Int, _ wanted: Range<Int64>, _ chores: inout Chores,
    _ token: inout LockToken
  ) throws(MapError) -> Found {
    let known = edition.size
    var tries = Tries()
    while true {
      // Each time anew: the file may be found cut short while the lock is given up. The table may have no such window, and what lies
      // behind the file's end is nobody's.
      if wanted.upperBound > (Turn.isPlanted("unwatched cut") ? known : edition.size) {
        if isSpent(edition) { return .superseded }
        throw MapError(.fileTruncated)
      }
      // Zeros stand there for good; the file's present edition may have the bytes.
      if edition.isMissing(wanted) { throw MapError(.fileChanged) }
      // Looked at again the version may be settled; else the bytes are read at one go. Once a window is there, or claimed, no other version
      // is adopted.
      if !chores.isAsynchronous && !mayLease(wanted, of: edition) { throw MapError(.fileChanged) }
      // Spans don't lie side by side.
      if edition.isInSpans && edition.regions > 0 && edition.grid.windows(of: wanted).count > 1 {
        return .noPlace
      }
      // A cursor has read the word before it comes here.
      let word =
        chores.isAsynchronous
        ? unsafe edition.windows.wordToClaim(window) : unsafe edition.windows.word(window)
      switch word.state {
      case .resident:
        if !chores.isAsynchronous { noteHit(word.slot) }
        return .window
      case .candidate:
        unmark(word.slot)
        if !chores.isAsynchronous { noteHit(word.slot) }
        return .window
      case .loading where chores.isAsynchronous:
        // Among them those that these chores are about to start: ranges may overlap.
        chores.await(loads.ticket(for: word.slot))
        return .window
      case .loading, .leaving:
        if chores.isEmpty {
          try wait(for: window, of: edition, word, &token)
        } else if let error = perform(&chores, &token) {
          throw error
        }
      case .absent:
        let found = try acquireAbsent(edition, window, wanted, &tries, &chores, &token)
        if let found { return found }
      }
    }
  }

  /// What a request tries once for each window that it finds absent.
  private struct Tries {
    /// To take the edition back to the first backend.
    var returning = false
    /// To empty an edition's spans, so that it may get an extent.
    var gathering = false
    /// To have an extent made for an edition whose spans are empty.
    var extent = false
  }

  /// Takes one step towards a window that is absent; nil if it is to be looked at again: others may come for it wherever the lock was
  /// given up.
  private func acquireAbsent(
    _ edition: Edition, _ window: Int, _ wanted: Range<Int64>, _ tries: inout Tries,
    _ chores: inout Chores, _ token: inout LockToken
  ) throws(MapError) -> Found? {
    if isSpent(edition) { return .superseded }
    if !tries.returning && chores.loads.isEmpty && edition.backend !== primary {
      if let error = perform(&chores, &token) { throw error }
      tries.returning = true
      gatherForReturn(edition, &token)
      returnToPrimary(edition, &token)
      return nil
    }
    if edition.isChangingPlace {
      if let error = perform(&chores, &token) { throw error }
      if edition.isChangingPlace { try waitForPlace(&token) }
      return nil
    }
    if isShut(window, of: edition) {
      if let error = perform(&chores, &token) { throw error }
      if isShut(window, of: edition) { try waitForTables(&token) }
      return nil
    }
    if !tries.gathering && (mayGather(edition) || maySpread(edition)) {
      if let error = perform(&chores, &token) { throw error }
      tries.gathering = true
      if edition.isInSpans {
        gather(edition, &token)
      } else if spreadAnew(edition, &token) {
        tries.extent = true
      }
      return nil
    }
    if edition.extent == nil && !(edition.isInSpans && (edition.regions > 0 || tries.extent)) {
      if !chores.mayOvershoot && prefersCopy(edition, wanted.count) { return .noPlace }
      if let error = perform(&chores, &token) { throw error }
      tries.extent = true
      try ensureExtentIfPossible(edition, mayOvershoot: chores.mayOvershoot, &token)
      if edition.extent != nil || edition.isInSpans || edition.isChangingPlace { return nil }
      if edition.size == 0 { throw MapError(.fileTruncated) }
      return .noPlace
    }
    if edition.isInSpans && edition.grid.windows(of: wanted).count > 1 { return .noPlace }
    if (edition.backend.isCopying || edition.isInSpans) && edition.file.handle == nil {
      if let error = perform(&chores, &token) { throw error }
      try ensureHandle(edition.file, &token)
      return nil
    }
    if edition.isInSpans && handle(for: edition) == nil {
      // Another backend has opened the file meanwhile.
      if tries.gathering { return .noPlace }
      if let error = perform(&chores, &token) { throw error }
      tries.gathering = true
      gather(edition, &token)
      return nil
    }
    try claim(window, of: edition, &chores, &token)
    return .window
  }

  /// Decides to load an absent window: makes room for it and enters it in the books.
  private func claim(
    _ window: Int, of edition: Edition, _ chores: inout Chores, _ token: inout LockToken
  ) throws(MapError) {
    var byteCount = edition.charge(for: window, pageSize: pageSize)
    if byteCount == 0 { throw MapError(.fileTruncated) }
    guard let slot = residency.claim(window, of: edition, byteCount: byteCount) else {
      throw MapError(.budgetExhausted)
    }
    noteTablesUsed(by: slot)
    let isNew = chores.missed != window
    if isNew { counters.misses += 1 }
    recency.noteMiss(slot, residency.info(of: slot), isNew: isNew)
    chores.missed = window
    // Kept open until the load is over, also while the lock is given up on the way there.
    beginUse(of: edition)
    // From before it is mapped, so that several threads don't take what is there for one.
    var isSpanCharged = false
    do throws(MapError) {
      while true {
        var demand = demand(for: edition, byteCount: byteCount)
        if isSpanCharged { (demand.maps, demand.addresses) = (0, 0) }
        dropEmptyExtents(for: demand, &token)
        // Nothing pins what is only started, so it is no reason to overshoot.
        if chores.isAsynchronous { demand.isHard = true }
        try makeRoom(for: demand, &chores, &token)
        // The lock may have been given up: the manager shut down, the file's extent gone, its last window grown.
        try checkUsable()
        let charge = edition.charge(for: window, pageSize: pageSize)
        if charge > byteCount {
          byteCount = charge
        } else if edition.isInSpans && edition.place(of: window) == nil {
          try makeSpan(of: window, edition, &chores, &token)
          isSpanCharged = true
        } else {
          break
        }
      }
    } catch {
      if isSpanCharged { creditSpan(of: edition) }
      endUse(of: edition)
      handlesMoved()
      // Room is for each to find on its own: who uses the window may overshoot where who only starts it may not.
      if error.code == .budgetExhausted { loads.endWait(for: slot) }
      failLoad(slot, error, &chores)
      throw error
    }
    if isSpanCharged { creditSpan(of: edition) }
    residency.hold(slot, byteCount: byteCount)
    unsafe recency.insert(slot, residency.info(of: slot), edition.windows.references(window))
    ledger.chargeRegion(
      byteCount, maps: edition.mapsPerWindow, addresses: edition.addressesPerWindow)
    if ledger.noteSizes(copied: copies.takenBytes, pageSize: pageSize) {
      recency.setCapacity(ledger.capacity)
    }
    places.touch(edition)
    if edition.backend.isCopying {
      places.touchHandle(of: edition.file)
    }
    chores.loads.append(slot)
  }

  /// Waits until another thread has brought a window in or out.
  private func wait(
    for window: Int, of edition: Edition, _ word: WindowWord, _ token: inout LockToken
  ) throws(MapError) {
    unsafe edition.windows.addWaiter(window)
    var ticket: LoadTicket?
    if word.state == .loading {
      ticket = loads.ticket(for: word.slot)
    }
    // Of a backend that ended without telling.
    if let error = ticket?.error { throw error }
    ticket?.wish()
    token.wait()
    ticket?.withdraw()
    if let error = ticket?.error { throw error }
  }
}
