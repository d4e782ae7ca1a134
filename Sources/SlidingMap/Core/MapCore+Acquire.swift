import MapProtocols

extension MapCore {
  /// Makes windows resident that the caller's pin covers already: the path of everything that is no plain hit.
  ///
  /// Windows are accessed in ascending order. O(windows + victims).
  ///
  /// - Returns: the log of the calling thread, for the hits to come.
  func acquire(_ file: FileEntry, _ windows: ClosedRange<Int>) throws(MapError) -> AccessLog {
    if isForked { throw MapError(.forked) }
    monitor.lock()
    defer { monitor.unlock() }
    try checkUsable()
    drainLogs()
    var chores = Chores()
    let loadsBefore = counters.loads
    do throws(MapError) {
      for window in windows { try acquire(file, window, &chores) }
    } catch {
      perform(&chores)
      retireAfterShutdown(file)
      throw error
    }
    if let error = perform(&chores) {
      retireAfterShutdown(file)
      throw error
    }
    if isOvershooting {
      try? makeRoom(bytes: 0, newRegions: 0, &chores)
      perform(&chores)
    }
    if counters.loads / Self.budgetInterval != loadsBefore / Self.budgetInterval {
      monitor.unlock()
      refreshLimits()
      monitor.lock()
    }
    return logForThisThread()
  }

  private func acquire(
    _ file: FileEntry, _ window: Int, _ chores: inout Chores
  ) throws(MapError) {
    while true {
      let word = unsafe file.windows.word(window)
      switch word.state {
      case .resident:
        noteHit(word.slot)
        return
      case .candidate:
        unmark(word.slot)
        noteHit(word.slot)
        return
      case .loading where chores.loads.contains(word.slot):
        return
      case .loading, .leaving:
        if chores.isEmpty {
          try wait(for: window, of: file, word)
        } else if let error = perform(&chores) {
          throw error
        }
      case .absent:
        if file.extent == nil {
          if let error = perform(&chores) { throw error }
          try ensureExtent(file)
          if file.extent == nil { throw MapError(.fileTruncated) }
        } else if !properties.extentKeepsFile && file.handle == nil {
          if let error = perform(&chores) { throw error }
          try ensureHandle(file)
        } else {
          try claim(window, of: file, &chores)
          return
        }
      }
    }
  }

  /// Decides to load an absent window: makes room for it and enters it in the books.
  private func claim(_ window: Int, of file: FileEntry, _ chores: inout Chores) throws(MapError) {
    let byteCount = file.charge(for: window, pageSize: pageSize)
    if byteCount == 0 { throw MapError(.fileTruncated) }
    guard let slot = regions.insert(file, window: window, byteCount: byteCount) else {
      throw MapError(.budgetExhausted)
    }
    unsafe file.windows.exchange(window, WindowWord(.loading, slot))
    counters.misses += 1
    let key = RegionKey(file: file.key, window: window)
    policy.miss(key)
    // Kept open until the load is over, also while the lock is given up on the way there.
    file.handleUsers += 1
    do throws(MapError) {
      try makeRoom(bytes: byteCount, newRegions: 1, &chores)
      // The lock may have been given up: the manager shut down, the file's extent gone.
      try checkUsable()
    } catch {
      file.handleUsers -= 1
      handlesMoved()
      failLoad(slot, error)
      throw error
    }
    unsafe references.bind(slot, to: file.windows.references(window))
    references.setCount(of: slot, to: 0)
    policy.insert(slot, info(of: slot))
    regions.setHeld(slot, true)
    usage.bytes += byteCount
    usage.regions += 1
    noteUsage()
    filesByUse.touch(file)
    chores.loads.append(slot)
  }

  /// Waits until another thread has brought a window in or out.
  private func wait(
    for window: Int, of file: FileEntry, _ word: WindowWord
  ) throws(MapError) {
    unsafe file.windows.addWaiter(window)
    var ticket: LoadTicket?
    if word.state == .loading {
      ticket = regions[word.slot].ticket ?? LoadTicket()
      regions[word.slot].ticket = ticket
    }
    monitor.wait()
    if let error = ticket?.error { throw error }
  }
}
