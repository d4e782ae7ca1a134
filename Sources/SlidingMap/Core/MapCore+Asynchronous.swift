import MapProtocols

/// Loads that nobody blocks on.
extension MapCore {
  /// Starts bringing the bytes of `ranges` in and returns at once.
  ///
  /// - Returns: what is under way; nothing if all is there, or is to be read without a window.
  func startLoading(
    _ file: FileEntry, _ ranges: [Range<Int64>]
  ) throws(MapError) -> [LoadTicket] {
    if isForked { throw MapError(.forked) }
    monitor.lock()
    defer { monitor.unlock() }
    try checkUsable()
    drainLogs()
    var chores = Chores()
    chores.isAsynchronous = true
    do throws(MapError) {
      for range in ranges {
        for window in file.grid.windows(of: range)
        where !(try acquire(file, window, range.count, &chores)) {
          perform(&chores)
          return []
        }
      }
    } catch {
      perform(&chores)
      retireAfterShutdown(file)
      throw error
    }
    perform(&chores)
    if file.backend.properties.loadsWhenTouched {
      for range in ranges {
        if let ticket = touch(file, range) { chores.awaited.append(ticket) }
      }
    }
    return chores.awaited
  }

  /// Has the pages of a range brought in that load when touched. Called with the lock, which is given up meanwhile.
  private func touch(_ file: FileEntry, _ range: Range<Int64>) -> LoadTicket? {
    guard let extent = file.extent else { return nil }
    let page = Int64(pageSize)
    let start = range.lowerBound / page * page
    let region = ExtentRange(
      extent: extent, offset: start, byteCount: Int(range.upperBound - start))
    let ticket = LoadTicket()
    // Neither the extent nor the handle goes meanwhile.
    file.handleUsers += 1
    inFlight += 1
    let load = RegionLoad(region: region, handle: file.handle)
    let provider = file.backend.provider
    monitor.unlock()
    provider.submit([load]) { [self] load in
      monitor.lock()
      inFlight -= 1
      file.handleUsers -= 1
      monitor.broadcast()
      var chores = Chores()
      chores.resumptions = ticket.end(load.error)
      tellOfEnd(&chores)
      retireIfUnused(file, &chores)
      perform(&chores)
      monitor.unlock()
    }
    monitor.lock()
    return ticket
  }

  /// Enters the end of a load that was started. Called by providers, on any thread, without the lock.
  func loadEnded(_ load: RegionLoad) {
    let slot = RegionSlot(load.tag)
    monitor.lock()
    inFlight -= 1
    var chores = Chores()
    let file = regions[slot].file
    file?.handleUsers -= 1
    handlesMoved()
    if let error = load.error {
      failLoad(slot, error, &chores)
    } else {
      finishLoad(slot, &chores)
      trim([slot])
    }
    if isOvershooting {
      drainLogs()
      try? makeRoom(for: .none, &chores)
    }
    if let file { retireIfUnused(file, &chores) }
    tellOfEnd(&chores)
    perform(&chores)
    monitor.unlock()
  }

  /// Wakes those whose request found no room beside the loads under way.
  private func tellOfEnd(_ chores: inout Chores) {
    if roomWaiters > 0 { monitor.broadcast() }
    if let ticket = nextEnd { chores.resumptions += ticket.end() }
    nextEnd = nil
  }

  /// Starts loading like `startLoading`, and waits, as a task, until the bytes are there. Where loads under way leave no
  /// room in a hard budget, it tries again when one of them has ended.
  func load(_ file: FileEntry, _ range: Range<Int64>) async throws(MapError) {
    var isLastTry = false
    while true {
      let tickets: [LoadTicket]
      do throws(MapError) {
        tickets = try startLoading(file, [range])
      } catch {
        if error.code != .budgetExhausted || isLastTry { throw error }
        // With nothing under way any more, the last of it may have ended just now.
        let ticket = ticketOfNextEnd()
        isLastTry = ticket == nil
        if let ticket { try await wait(for: [ticket]) }
        continue
      }
      return try await wait(for: tickets)
    }
  }

  /// Ends with the next load under way; nil if there is none.
  private func ticketOfNextEnd() -> LoadTicket? {
    monitor.lock()
    defer { monitor.unlock() }
    if inFlight == 0 { return nil }
    let ticket = nextEnd ?? LoadTicket()
    nextEnd = ticket
    return ticket
  }

  /// Waits, as a task, until loads have ended.
  ///
  /// - Throws: the first error of a load; `.cancelled` as soon as the task is, and the loads go on for others.
  func wait(for tickets: [LoadTicket]) async throws(MapError) {
    for ticket in tickets {
      let waiter = LoadTicket.Waiter()
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          monitor.lock()
          let isEntered = ticket.enter(waiter, continuation)
          monitor.unlock()
          if !isEntered { continuation.resume() }
        }
      } onCancel: {
        monitor.lock()
        let continuation = waiter.cancel()
        monitor.unlock()
        continuation?.resume()
      }
      if Task.isCancelled { throw MapError(.cancelled) }
      monitor.lock()
      let error = ticket.error
      monitor.unlock()
      if let error { throw error }
    }
  }

  /// Starts bringing ranges in as far as the budget goes; what fails will fail again for those who use it.
  func prefetch(_ file: FileEntry, _ ranges: [Range<Int64>]) {
    monitor.lock()
    let isTouched = file.backend.properties.loadsWhenTouched
    let size = file.size
    monitor.unlock()
    let ranges = ranges.map { $0.clamped(to: 0..<size) }.filter { !$0.isEmpty }
    if isTouched {
      // The page cache is where mapped bytes come from, and it is in no budget.
      for range in ranges { advise(file, range) }
    } else {
      _ = try? startLoading(file, ranges)
    }
  }

  private func advise(_ file: FileEntry, _ range: Range<Int64>) {
    monitor.lock()
    defer { monitor.unlock() }
    guard let extent = file.extent else { return }
    let page = Int64(pageSize)
    let start = range.lowerBound / page * page
    let region = ExtentRange(
      extent: extent, offset: start, byteCount: Int(range.upperBound - start))
    let provider = file.backend.provider
    file.handleUsers += 1
    monitor.unlock()
    provider.advise(.willNeed, region)
    monitor.lock()
    file.handleUsers -= 1
    monitor.broadcast()
  }
}
