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
  /// - Parameters:
  ///   - missed: the window that this request was last counted as having missed, when it came before.
  ///   - isAhead: whether nobody asks for the bytes yet.
  /// - Returns: what is under way; nothing if all is there, or is to be read without a window.
  func startLoading(
    _ own: Edition, _ ranges: [Range<Int64>], missed: Int? = nil, isAhead: Bool = false
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
    chores.isAhead = isAhead
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

  /// Notes that all about a number of loads is over.
  func endLoads(_ count: Int) {
    loads.end(count)
    if isShutDown && loads.count == 0 { wakeAll() }
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
}
