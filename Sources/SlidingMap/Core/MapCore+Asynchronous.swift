import CMapShims
import MapProtocols

/// Loads that nobody blocks on.
extension MapCore {
  /// What was started of a request.
  struct Started {
    /// What to wait for.
    var tickets: [LoadTicket] = []
    /// What found no room because of loads under way, and may find it when `tickets` have ended.
    var rest: Range<Int64>?
    /// What of each range was entered, as far as it came.
    fileprivate var covered: [Range<Int64>] = []
    /// The window that was last counted as missed: the first of `rest`, if that came so far.
    var missed: Int?
  }

  /// Waits, as a task, until the bytes of a range were brought in.
  ///
  /// - Throws: the first error of a load; `.budgetExhausted` where the budget is hard and too small, or full of what is
  ///   pinned; `.cancelled` as soon as the task is. Loads that nobody else waits for are cancelled then.
  nonisolated(nonsending) func makeReady(
    _ edition: Edition, _ range: Range<Int64>
  ) async throws(MapError) {
    if isForked { throw MapError(.forked) }
    if locked({ exceedsBudget(range, of: edition) }) { throw MapError(.budgetExhausted) }
    var followed = 0
    var mayStepBack = true
    var started = Started(rest: range)
    // The file's present edition, once it was found changed. Its windows come for whoever uses the bytes, and moves there.
    var present: Edition?
    defer { if let present { leave(present) } }
    while let rest = started.rest {
      do throws(MapError) {
        started = try startLoading(present ?? edition, [rest], missed: started.missed)
        try await wait(for: started.tickets)
        let tickets = started.tickets
        // Others began them, and gave them up before this task came.
        if locked({ tickets.contains { $0.wasGivenUp } }) { started.rest = range }
      } catch {
        if mayStepBack && stepBack(from: range, of: present ?? edition, error) {
          mayStepBack = false
          started.rest = range
          continue
        }
        // Whoever uses the bytes reads them without a window.
        if locked({ isPassed(error, of: present ?? edition) }) { return }
        if !mayFollow(error, from: present ?? edition, range) { throw error }
        followed += 1
        if followed > 1 && error.code == .fileTruncated { throw error }
        // Whoever uses them reads them at one go.
        if followed > Self.changesFollowed { return }
        let found = try admitted(
          self.present(edition.file, edition.file.source), for: present ?? edition)
        if let present { leave(present) }
        present = found
        started.rest = range
      }
    }
  }

  /// Unloads others after a load failed because the system refused the memory of its window; whether there were any.
  private func stepBack(
    from range: Range<Int64>, of edition: Edition, _ error: MapError
  ) -> Bool {
    var token = lock()
    if !isRefusal(error, of: edition) { return false }
    return stepBack(from: edition.grid.windows(of: range), of: edition, &token)
  }

  /// Starts bringing the bytes of `ranges` in, as far as the budget goes, and returns at once.
  ///
  /// - Parameter missed: the window that this request was last counted as having missed, when it came before.
  /// - Returns: what is under way; nothing if all is there, or is to be read without a window.
  func startLoading(
    _ own: Edition, _ ranges: [Range<Int64>], missed: Int? = nil
  ) throws(MapError) -> Started {
    if isForked { throw MapError(.forked) }
    var token = lock()
    try checkUsable()
    // Whoever uses the bytes moves there, too.
    let present = isSpent(own) ? own.file.current : nil
    let edition = present.flatMap { admits(own, in: $0) ? $0 : nil } ?? own
    edition.share()
    defer { leave(edition, &token) }
    if ranges.contains(where: { $0.upperBound > edition.size }) { throw MapError(.fileTruncated) }
    drainLogs()
    var chores = Chores()
    chores.isAsynchronous = true
    chores.missed = missed
    var started = Started()
    do throws(MapError) {
      if !(try enterLoads(of: edition, ranges, &started, &chores, &token)) {
        giveUp(edition, &chores, &token)
        return Started()
      }
    } catch {
      // Asked before the lock is given up: the answer belongs to the search that found no room.
      let mayFind = loads.windows > 0 || !chores.loads.isEmpty
      let isHard = demand(for: edition, byteCount: 0).isHard
      if error.code != .budgetExhausted || isHard && !mayFind {
        giveUp(edition, &chores, &token)
        throw error
      }
      perform(&chores, &token)
      endOvershoot(&chores, &token)
      retireAfterShutdown(edition, &token)
      // Whoever uses the rest may overshoot a soft budget.
      if !isHard {
        started.rest = nil
      } else if chores.awaited.isEmpty && loads.windows > 0 {
        chores.await(loads.ticketForNextEnd())
      }
    }
    if let first = ranges.first, chores.missed != missed {
      advise(edition, first, after: first.lowerBound..<first.lowerBound, &chores)
    }
    perform(&chores, &token)
    // Pinned by nobody, what was loaded gives way if others overshot the budget meanwhile, or shut the manager down.
    endOvershoot(&chores, &token)
    retireAfterShutdown(edition, &token)
    if edition.backend.loadsWhenTouched {
      for range in started.covered where !range.isEmpty {
        touch(edition, range, &chores, &token)
      }
      perform(&chores, &token)
    }
    started.tickets = chores.awaited
    started.missed = chores.missed
    return started
  }

  /// Starts what was entered of a request that nobody waits for any more, and cancels it unless others want it.
  private func giveUp(_ edition: Edition, _ chores: inout Chores, _ token: inout LockToken) {
    perform(&chores, &token)
    chores.withdraw()
    perform(&chores, &token)
    endOvershoot(&chores, &token)
    retireAfterShutdown(edition, &token)
  }

  /// Enters loads of the windows of ranges among the chores, as far as the budget goes.
  ///
  /// - Returns: false if the bytes are to be read without a window.
  private func enterLoads(
    of edition: Edition, _ ranges: [Range<Int64>], _ started: inout Started,
    _ chores: inout Chores, _ token: inout LockToken
  ) throws(MapError) -> Bool {
    for range in ranges {
      started.rest = range
      started.covered.append(range.lowerBound..<range.lowerBound)
      for window in edition.grid.windows(of: range) {
        if try acquire(edition, window, range, &chores, &token) != .window { return false }
        let end = edition.grid.bytes(of: window, fileSize: range.upperBound).upperBound
        started.covered[started.covered.count - 1] = range.lowerBound..<end
        started.rest = end..<range.upperBound
      }
      started.rest = nil
    }
    return true
  }

  /// Has the pages of a range brought in that load when touched. Called with the lock, which is given up meanwhile.
  private func touch(
    _ edition: Edition, _ range: Range<Int64>, _ chores: inout Chores, _ token: inout LockToken
  ) {
    // The file may have been found cut short since, and its extent be another.
    let bytes = range.clamped(to: 0..<edition.size)
    if bytes.isEmpty { return }
    let windows = edition.grid.windows(of: bytes)
    guard let extent = edition.place(of: windows.lowerBound) else { return }
    if edition.isInSpans {
      let word = unsafe edition.windows.word(windows.lowerBound)
      guard windows.count == 1, word.state == .resident || word.state == .candidate else { return }
    }
    let lease = edition.isInSpans ? lease(on: windows, of: edition) : nil
    let start = bytes.lowerBound / Int64(pageSize) * Int64(pageSize)
    let region = ExtentRange(
      extent: extent, offset: start, byteCount: Int(bytes.upperBound - start))
    let ticket = LoadTicket()
    chores.await(ticket)
    // Neither the extent nor the handle goes meanwhile.
    beginUse(of: edition)
    loads.start()
    let load = RegionLoad(region: region, handle: handle(for: edition))
    let backend = edition.backend
    let cancellation = token.unlocked {
      backend.submit([load]) { [self] ended in
        touchEnded(edition, extent, start..<bytes.upperBound, lease, ticket, ended.first?.error)
      }
    }
    let unwanted = loads.noteSubmission(
      of: [ticket], by: backend, cancellation, isUnwanted: isShutDown)
    if let unwanted { chores.cancellations.append(unwanted) }
  }

  /// Enters the end of a load that brought pages in which load when touched. Called by providers, on any thread, without the lock.
  private func touchEnded(
    _ edition: Edition, _ extent: Extent, _ bytes: Range<Int64>, _ lease: TouchLease?,
    _ ticket: LoadTicket, _ error: MapError?
  ) {
    _ = smap_completion_depth(1)
    defer { _ = smap_completion_depth(-1) }
    var token = lock()
    var chores = Chores()
    let wasGivenUp = error?.code == .cancelled && ticket.isCancelled
    loads.end(ticket, wasGivenUp ? nil : error, wasGivenUp: wasGivenUp)
    perform(&chores, &token)
    noteContent(of: edition, bytes)
    if let lease {
      end(lease, of: edition, &chores, &token)
    } else {
      // Nothing pins the windows: what was brought in of those that left meanwhile is in no budget.
      let surplus = absentBytes(of: edition, bytes).map {
        ExtentRange(extent: extent, offset: $0.lowerBound, byteCount: $0.count)
      }
      trim(surplus, &token)
    }
    endUse(of: edition)
    wakeAll()
    retireIfUnused(edition, &chores)
    perform(&chores, &token)
    endLoads(1)
  }

  /// What keeps a span while its pages are being brought in, as a cursor's lease would.
  @safe
  private struct TouchLease: @unchecked Sendable {
    let pin: Pin
    let windows: Range<Int>
  }

  /// A lease on windows that are loaded. Published with the lock, it comes before any mark that is to be proved.
  private func lease(on windows: ClosedRange<Int>, of edition: Edition) -> TouchLease {
    for window in windows {
      let word = unsafe edition.windows.word(window)
      if word.state == .candidate { unmark(word.slot) }
    }
    let pin = unsafe edition.pins.allocate()
    unsafe pin.pointee.publish(
      start: edition.grid.start(of: windows.lowerBound), count: windows.count)
    return unsafe TouchLease(pin: pin, windows: Range(windows))
  }

  private func end(
    _ lease: TouchLease, of edition: Edition, _ chores: inout Chores, _ token: inout LockToken
  ) {
    _ = unsafe edition.pins.release(lease.pin)
    suspect(lease.windows, of: edition)
    unloadIfSuperseded(edition, &chores, &token)
    endOvershoot(&chores, &token)
  }

  /// Notes that all about a number of loads is over.
  private func endLoads(_ count: Int) {
    loads.end(count)
    if isShutDown && loads.count == 0 { wakeAll() }
  }

  /// The parts of a range whose windows are not loaded, or on their way out: the call that empties one may be over.
  private func absentBytes(of edition: Edition, _ range: Range<Int64>) -> [Range<Int64>] {
    let absent = edition.grid.windows(of: range).filter { window in
      let state = unsafe edition.windows.word(window).state
      return state == .absent || state == .leaving
    }
    let bytes = absent.map { window in
      edition.grid.bytes(of: window, fileSize: range.upperBound).clamped(to: range)
    }
    return bytes.runs()
  }

  /// Enters the ends of loads that were started. Called by providers, on any thread, without the lock.
  func loadsEnded(_ ended: [RegionLoad]) {
    _ = smap_completion_depth(1)
    defer { _ = smap_completion_depth(-1) }
    var token = lock()
    var chores = Chores()
    loads.noteWindowsEnded(ended.count)
    var editions: [Edition] = []
    var loaded: [RegionSlot] = []
    for load in ended {
      let slot = RegionSlot(load.tag)
      // One time for each load: each keeps the handle.
      if let edition = residency.edition(of: slot) { editions.append(edition) }
      if let error = load.error {
        failLoad(slot, error, &chores)
      } else {
        finishLoad(slot, &chores)
        loaded.append(slot)
      }
    }
    // A search that came between the decision to load them and the start took them to be in use.
    evictor.suspect(loaded)
    // Found before the lock is given up: afterwards the slots may be other windows'.
    let surplus = surplus(around: loaded)
    handlesMoved()
    endOvershoot(&chores, &token)
    perform(&chores, &token)
    // Nothing pins the windows any more: only as a user of its handle a file keeps the extent that is being trimmed.
    trim(surplus, &token)
    for edition in editions { endUse(of: edition) }
    handlesMoved()
    for edition in editions {
      unloadIfSuperseded(edition, &chores, &token)
      retireIfUnused(edition, &chores)
    }
    perform(&chores, &token)
    endLoads(ended.count)
  }

  /// Waits, as a task, until loads have ended.
  ///
  /// - Throws: the first error of a load; `.cancelled` as soon as the task is. Loads that nobody else waits for are cancelled then.
  nonisolated(nonsending) func wait(for tickets: [LoadTicket]) async throws(MapError) {
    do throws(MapError) {
      try await waitForEnds(of: tickets)
    } catch {
      withdraw(from: tickets)
      throw error
    }
    withdraw(from: tickets)
  }

  /// Ends a task's wish for loads, and the loads that nobody wants any more.
  private func withdraw(from tickets: [LoadTicket]) {
    var token = lock()
    var chores = Chores()
    chores.withdraw(from: tickets)
    perform(&chores, &token)
  }

  private nonisolated(nonsending) func waitForEnds(
    of tickets: [LoadTicket]
  ) async throws(MapError) {
    // A task goes on where it is, on its actor, if there is nothing to wait for.
    for ticket in tickets where !locked({ ticket.isDone && ticket.error == nil }) {
      let waiter = LoadTicket.Waiter()
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          if !enter(waiter, in: ticket, continuation) { continuation.resume() }
        }
      } onCancel: {
        cancel(waiter)?.resume()
      }
      if Task.isCancelled { throw MapError(.cancelled) }
      if let error = error(of: ticket) { throw error }
    }
  }

  private func enter(
    _ waiter: LoadTicket.Waiter, in ticket: LoadTicket,
    _ continuation: CheckedContinuation<Void, Never>
  ) -> Bool {
    locked { ticket.enter(waiter, continuation) }
  }

  private func cancel(_ waiter: LoadTicket.Waiter) -> CheckedContinuation<Void, Never>? {
    locked { waiter.cancel() }
  }

  private func error(of ticket: LoadTicket) -> MapError? {
    locked { ticket.error }
  }

  /// Starts bringing ranges in as far as the budget goes; what fails will fail again for those who use it.
  func prefetch(_ edition: Edition, _ ranges: [Range<Int64>]) {
    if isForked { return }
    let rest = adviseWanted(edition, ranges)
    if !rest.isEmpty { _ = try? startLoading(edition, rest) }
  }

  /// Has the bytes of ranges read ahead where windows load when touched: the page cache is where mapped bytes come from, and it is in
  /// no budget.
  ///
  /// - Returns: what windows must be loaded for instead.
  private func adviseWanted(_ edition: Edition, _ ranges: [Range<Int64>]) -> [Range<Int64>] {
    var token = lock()
    let ranges = ranges.map { $0.clamped(to: 0..<edition.size) }.filter { !$0.isEmpty }
    // Only loaded windows have addresses in spans, where each is for itself.
    if !edition.backend.loadsWhenTouched || edition.isInSpans {
      return windows(of: ranges, edition)
    }
    guard let extent = edition.extent else { return [] }
    var chores = Chores()
    for range in ranges {
      let start = range.lowerBound / Int64(pageSize) * Int64(pageSize)
      let bytes = ExtentRange(
        extent: extent, offset: start, byteCount: Int(range.upperBound - start))
      give(.willNeed, bytes, edition, &chores)
    }
    perform(&chores, &token)
    retireAfterShutdown(edition, &token)
    return []
  }

  /// The parts of ranges that lie in a window each, no more of them than the budget holds.
  private func windows(of ranges: [Range<Int64>], _ edition: Edition) -> [Range<Int64>] {
    let limits = ledger.limits
    let bySize = limits.bytes == .max ? .max : limits.bytes / pageSize
    var left = min(limits.regions, bySize)
    var parts: [Range<Int64>] = []
    for range in ranges {
      for window in edition.grid.windows(of: range) {
        if left == 0 { return parts }
        left -= 1
        parts.append(
          edition.grid.bytes(of: window, fileSize: edition.size).clamped(to: range))
      }
    }
    return parts
  }
}
