import MapProtocols

extension MapCore {
  /// Makes windows resident that the caller's pin covers already: the path of everything that is no plain hit.
  ///
  /// Windows are accessed in ascending order. O(windows + victims).
  ///
  /// - Parameters:
  ///   - old: the windows that the caller's pin covered before.
  ///   - wanted: what is asked for.
  ///   - shown: what the caller read before; empty if that is not known.
  ///   - mayOvershoot: whether a budget of maps and addresses may be overshot, because there is no other way left.
  /// - Returns: the log of the calling thread, for the hits to come; nil if the bytes must be read without a window.
  func acquire(
    _ file: FileEntry, _ windows: ClosedRange<Int>, after old: Range<Int>,
    _ wanted: Range<Int64>, after shown: Range<Int64>, mayOvershoot: Bool = false
  ) throws(MapError) -> AccessLog? {
    if isForked { throw MapError(.forked) }
    var token = lock()
    suspect(old, of: file)
    try checkUsable()
    try checkEnd(of: wanted, file)
    drainLogs()
    var chores = Chores()
    chores.mayOvershoot = mayOvershoot
    let loadsBefore = counters.loads
    do throws(MapError) {
      for window in windows where !(try acquire(file, window, wanted.count, &chores, &token)) {
        perform(&chores, &token)
        return nil
      }
    } catch {
      perform(&chores, &token)
      retireAfterShutdown(file, &token)
      throw error
    }
    if chores.missed != nil { advise(file, wanted, after: shown, &chores) }
    if let error = perform(&chores, &token) {
      retireAfterShutdown(file, &token)
      throw error
    }
    endOvershoot(&chores, &token)
    if counters.loads / Self.budgetInterval != loadsBefore / Self.budgetInterval {
      refreshLimits(&token)
    }
    return recency.logForThisThread()
  }

  /// Checks that a file has the bytes which a cursor asks for that may have known a longer one.
  func checkEnd(of wanted: Range<Int64>, _ file: FileEntry) throws(MapError) {
    if wanted.upperBound > file.size { throw MapError(.fileTruncated) }
  }

  /// - Returns: false if the file has no place for windows, and so none of this request's before this one either.
  func acquire(
    _ file: FileEntry, _ window: Int, _ byteCount: Int, _ chores: inout Chores,
    _ token: inout LockToken
  ) throws(MapError) -> Bool {
    while true {
      let word = unsafe file.windows.word(window)
      switch word.state {
      case .resident:
        if !chores.isAsynchronous { noteHit(word.slot) }
        return true
      case .candidate:
        unmark(word.slot)
        if !chores.isAsynchronous { noteHit(word.slot) }
        return true
      case .loading where chores.isAsynchronous:
        // Among them those that these chores are about to start: ranges may overlap.
        chores.awaited.append(loads.ticket(for: word.slot))
        return true
      case .loading, .leaving:
        if chores.isEmpty {
          try wait(for: window, of: file, word, &token)
        } else if let error = perform(&chores, &token) {
          throw error
        }
      case .absent:
        if chores.loads.isEmpty && file.backend !== primary {
          perform(&chores, &token)
          returnToPrimary(file, &token)
        }
        if file.isChangingExtent {
          if let error = perform(&chores, &token) { throw error }
          if file.isChangingExtent { token.wait() }
        } else if file.extent == nil {
          if !chores.mayOvershoot && prefersCopy(file, byteCount) { return false }
          if let error = perform(&chores, &token) { throw error }
          try ensureExtentIfPossible(file, mayOvershoot: chores.mayOvershoot, &token)
          if file.extent == nil && !file.isChangingExtent {
            if file.size == 0 { throw MapError(.fileTruncated) }
            return false
          }
        } else if mustPass(file, window) {
          return false
        } else if !file.backend.properties.extentKeepsFile && file.handle == nil {
          if let error = perform(&chores, &token) { throw error }
          try ensureHandle(file, &token)
        } else {
          try claim(window, of: file, &chores, &token)
          return true
        }
      }
    }
  }

  /// Whether an absent window of copies is to be read past: where others use copies of another version, and where the window holds
  /// the end of a file that was cut short, behind which a cursor that knows a longer one would find bytes that are none.
  private func mustPass(_ file: FileEntry, _ window: Int) -> Bool {
    if file.backend.properties.isCoherent { return false }
    if file.longest > file.size && window == file.grid.window(at: file.size - 1) { return true }
    if file.requestsPast == 0 || file.regions == 0 { return false }
    file.requestsPast -= 1
    return true
  }

  /// Decides to load an absent window: makes room for it and enters it in the books.
  private func claim(
    _ window: Int, of file: FileEntry, _ chores: inout Chores, _ token: inout LockToken
  ) throws(MapError) {
    var byteCount = file.charge(for: window, pageSize: pageSize)
    if byteCount == 0 { throw MapError(.fileTruncated) }
    guard let slot = residency.claim(window, of: file, byteCount: byteCount) else {
      throw MapError(.budgetExhausted)
    }
    let isNew = chores.missed != window
    if isNew { counters.misses += 1 }
    recency.noteMiss(slot, residency.info(of: slot), isNew: isNew)
    chores.missed = window
    // Kept open until the load is over, also while the lock is given up on the way there.
    file.handleUsers += 1
    do throws(MapError) {
      while true {
        var demand = demand(for: file, byteCount: byteCount)
        // Nothing pins what is only started, so it is no reason to overshoot.
        if chores.isAsynchronous { demand.isHard = true }
        try makeRoom(for: demand, &chores, &token)
        // The lock may have been given up: the manager shut down, the file's extent gone, its last window grown.
        try checkUsable()
        let charge = file.charge(for: window, pageSize: pageSize)
        if charge <= byteCount { break }
        byteCount = charge
      }
    } catch {
      file.handleUsers -= 1
      handlesMoved()
      // Room is for each to find on its own: who uses the window may overshoot where who only starts it may not.
      if error.code == .budgetExhausted { chores.resumptions += loads.endWait(for: slot) }
      failLoad(slot, error, &chores)
      throw error
    }
    residency.hold(slot, byteCount: byteCount)
    unsafe recency.insert(slot, residency.info(of: slot), file.windows.references(window))
    ledger.chargeRegion(byteCount)
    if ledger.noteSizes(copied: copies.takenBytes, pageSize: pageSize) {
      recency.setCapacity(ledger.capacity)
    }
    filesByUse.touch(file)
    if !file.backend.properties.extentKeepsFile { touchHandle(of: file) }
    chores.loads.append(slot)
  }

  /// Waits until another thread has brought a window in or out.
  private func wait(
    for window: Int, of file: FileEntry, _ word: WindowWord, _ token: inout LockToken
  ) throws(MapError) {
    unsafe file.windows.addWaiter(window)
    var ticket: LoadTicket?
    if word.state == .loading {
      ticket = loads.ticket(for: word.slot)
    }
    token.wait()
    if let error = ticket?.error { throw error }
  }
}
