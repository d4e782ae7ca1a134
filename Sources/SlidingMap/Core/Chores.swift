import MapProtocols

/// System calls decided under the lock, to be made outside it.
struct Chores {
  /// Regions whose words say leaving.
  var unloads: [RegionSlot] = []
  /// Regions whose words say loading.
  var loads: [RegionSlot] = []
  var extents: [(extent: Extent, owner: Backend)] = []
  /// Of windows that left, or were not loaded after all. They are counted no more.
  var spans: [(extent: Extent, owner: Backend)] = []
  var handles: [(handle: Handle, owner: Backend)] = []
  /// Memory that nobody needs any more.
  var memory: [AnyObject] = []
  /// What backends are told; each keeps its file's extent until it was.
  var advice: [Advice] = []
  /// Loads that nobody wants any more.
  var cancellations: [LoadCancellation] = []
  /// Whether all page tables are to be given back that stand for nothing.
  var givesTablesBack = false

  /// Loads are only started, and those of other threads not waited for: all under way are found in `awaited`.
  var isAsynchronous = false
  /// Loads that the request wants to end well, each as often as it came upon it.
  private(set) var awaited: [LoadTicket] = []
  /// The window that the request these chores belong to was last counted as having missed. If it found no room for it and
  /// comes again, it is still the same access.
  var missed: Int?
  /// Nobody asks for the loads yet, and windows that were read ahead for others don't leave for them.
  var isAhead = false
  /// The budget of maps and addresses may be overshot.
  var mayOvershoot = false
  /// The budget was found overshot, with all that is left in use, by the request these chores belong to. Its further
  /// windows need not look again.
  var isOvershot = false

  var isEmpty: Bool {
    unloads.isEmpty && loads.isEmpty && extents.isEmpty && spans.isEmpty && handles.isEmpty
      && advice.isEmpty && memory.isEmpty && cancellations.isEmpty && !givesTablesBack
  }

  /// Whether there is more to be called than a backend's loads and unloads.
  fileprivate var hasCalls: Bool {
    !extents.isEmpty || !spans.isEmpty || !handles.isEmpty || !advice.isEmpty
      || !memory.isEmpty || !cancellations.isEmpty
  }

  /// Notes that the request wants a load, which nobody cancels from here on until that is withdrawn.
  mutating func await(_ ticket: LoadTicket) {
    ticket.wish()
    awaited.append(ticket)
  }

  /// Takes back that the request wants loads. What nobody else wants is cancelled.
  mutating func withdraw() {
    withdraw(from: awaited)
    awaited = []
  }

  /// The same for a request that came before.
  mutating func withdraw(from tickets: [LoadTicket]) {
    for ticket in tickets { ticket.withdraw() }
    cancellations += tickets.compactMap { $0.cancelIfUnwanted() }
  }

  /// What there is to do now; what is decided meanwhile gathers anew.
  fileprivate mutating func takeWork() -> Chores {
    var work = Chores()
    swap(&work, &self)
    isAsynchronous = work.isAsynchronous
    isAhead = work.isAhead
    mayOvershoot = work.mayOvershoot
    isOvershot = work.isOvershot
    missed = work.missed
    swap(&awaited, &work.awaited)
    return work
  }
}

extension MapCore {
  /// Carries chores out. Called with the lock, which is given up meanwhile and held again at the end.
  ///
  /// - Returns: the first failure of a load. All windows that failed are absent again, all others resident, save those
  ///   whose loads were only started.
  @discardableResult
  func perform(_ chores: inout Chores, _ token: inout LockToken) -> MapError? {
    var failure: MapError?
    while !chores.isEmpty {
      var now = chores.takeWork()
      let ahead = emptyAhead(beside: now.unloads)
      let closing = beginClosing(now.unloads)
      var first = transfers(of: now, by: primary)
      first.emptied = ahead.compactMap { range(of: $0.slot) }
      var second = takeover.map { transfers(of: now, by: $0) }
      let tables = giveTables(all: now.givesTablesBack, &first, &second)
      if now.isAsynchronous {
        setUnderWay(&now, &chores)
      }
      var submissions: [(loads: Transfers, cancellation: LoadCancellation)] = []
      if now.hasCalls || !first.isEmpty || second?.isEmpty == false {
        token.unlocked {
          first.unload()
          second?.unload()
          reopen(tables)
          for advice in now.advice { advice.give() }
          if now.isAsynchronous {
            submissions.append((first, first.submit(to: self)))
            if let second { submissions.append((second, second.submit(to: self))) }
          } else {
            first.load()
            second?.load()
          }
          for load in now.cancellations { load.cancel() }
          for (extent, owner) in now.extents + now.spans { owner.release(extent) }
          for (handle, owner) in now.handles { owner.provider.close(handle) }
          now.memory = []
        }
      }
      for (loads, cancellation) in submissions { note(loads, cancellation, &chores) }
      for (extent, owner) in now.extents {
        ledger.creditExtent(maps: owner.mapsPerExtent, addresses: extent.byteCount)
      }
      ledger.creditHandles(now.handles.count)
      for slot in now.loads { if let edition = residency.edition(of: slot) { endUse(of: edition) } }
      for advice in now.advice { finish(advice, &chores) }
      finishEmptying(ahead, &chores)
      finish(tables, &chores)
      if !now.handles.isEmpty || !now.loads.isEmpty { handlesMoved() }
      if !now.isAsynchronous {
        failLoads(of: first, &failure, &chores)
        if let second { failLoads(of: second, &failure, &chores) }
      }
      for slot in now.loads { finishLoad(slot, &chores) }
      // Taken to be in use while they were loading; but nobody waits for them with a lease.
      if now.isAsynchronous { evictor.suspect(now.loads) }
      for slot in now.unloads { finishUnload(slot, &chores) }
      for edition in closing { leaveExtent(of: edition, &chores) }
      trim(surplus(around: now.loads), &token)
    }
    return failure
  }

  /// Ends the failed loads of one backend; `failure` keeps the first error.
  private func failLoads(
    of transfers: Transfers, _ failure: inout MapError?, _ chores: inout Chores
  ) {
    for load in transfers.loads {
      guard let error = load.error else { continue }
      failLoad(RegionSlot(load.tag), error, &chores)
      failure = failure ?? error
    }
  }

  /// Notes loads that were submitted; nobody may want them any more.
  private func note(
    _ submitted: Transfers, _ cancellation: LoadCancellation, _ chores: inout Chores
  ) {
    let unwanted = loads.noteSubmission(
      of: submitted.tickets, by: submitted.backend, cancellation, isUnwanted: isShutDown)
    if let unwanted { chores.cancellations.append(unwanted) }
  }

  /// Keeps the extents of windows that are about to be closed: a map that took their place meanwhile would get holes.
  ///
  /// - Returns: the editions, one for each window.
  private func beginClosing(_ slots: [RegionSlot]) -> [Edition] {
    var editions: [Edition] = []
    for slot in slots {
      guard let edition = residency.edition(of: slot), edition.extent?.mapsPerWindow ?? 0 > 0,
        !edition.isChangingPlace
      else { continue }
      places.beginExtentUse(of: edition)
      editions.append(edition)
    }
    return editions
  }

  /// Takes loads that are only started off the work that ends with `perform`.
  private func setUnderWay(_ work: inout Chores, _ chores: inout Chores) {
    for slot in work.loads where residency.edition(of: slot)?.backend.loadsByItself == false {
      chores.await(loads.ticket(for: slot))
      loads.startWindow()
    }
    work.loads.removeAll { residency.edition(of: $0)?.backend.loadsByItself == false }
  }

  /// The part of some chores that one backend has to do. Called with the lock.
  func transfers(of chores: Chores, by backend: Backend) -> Transfers {
    var transfers = Transfers(backend: backend, changes)
    for slot in chores.unloads where residency.edition(of: slot)?.backend === backend {
      // What lay in a span goes with it.
      if let region = rangeToEmpty(of: slot) { transfers.unloads.append(region) }
    }
    if backend.loadsByItself { return transfers }
    for slot in chores.loads {
      guard let edition = residency.edition(of: slot), edition.backend === backend,
        let region = range(of: slot)
      else { continue }
      let bytes = edition.grid.bytes(of: residency.window(of: slot), fileSize: edition.size)
      let load = RegionLoad(
        region: region, handle: handle(for: edition), least: bytes.count, tag: slot.index)
      let ticket = chores.isAsynchronous ? loads.ticket(for: slot) : nil
      transfers.append(load, of: edition, ticket)
    }
    return transfers
  }

  /// Takes off what was brought in of windows that are not loaded, of extents whose pages load when touched: should such a window
  /// be loaded meanwhile, its pages come back so. Called with the lock, which is given up meanwhile.
  func trim(_ surplus: [ExtentRange], _ token: inout LockToken) {
    if surplus.isEmpty { return }
    token.unlocked {
      Turn.allowUse(of: surplus) { primary.unload(surplus) }
    }
  }

  /// What loading small windows may have brought in of absent neighbours.
  func surplus(around slots: [RegionSlot]) -> [ExtentRange] {
    guard primary.isTrimmed else { return [] }
    let block = Int64(primary.mapping?.faultAround ?? 0)
    var ranges: [ExtentRange] = []
    for slot in slots where residency.isHeld(slot) {
      guard let edition = residency.edition(of: slot), edition.backend === primary,
        let extent = edition.extent
      else { continue }
      let bytes = edition.grid.bytes(of: residency.window(of: slot), fileSize: edition.size)
      if bytes.isEmpty { continue }
      let start = bytes.lowerBound / block * block
      let end = min((bytes.upperBound + block - 1) / block * block, edition.size)
      let absent = edition.grid.windows(of: start..<end).filter { window in
        unsafe edition.windows.word(window).state == .absent
      }
      let spill = absent.map { window in
        edition.grid.bytes(of: window, fileSize: edition.size).clamped(to: start..<end)
      }
      ranges += spill.runs().map { run in
        ExtentRange(extent: extent, offset: run.lowerBound, byteCount: run.count)
      }
    }
    return ranges
  }

  func range(of slot: RegionSlot) -> ExtentRange? {
    guard let edition = residency.edition(of: slot),
      let extent = edition.place(of: residency.window(of: slot))
    else { return nil }
    return range(of: slot, edition, extent)
  }

  private func range(of slot: RegionSlot, _ edition: Edition, _ extent: Extent) -> ExtentRange {
    ExtentRange(
      extent: extent, offset: edition.grid.start(of: residency.window(of: slot)),
      byteCount: residency.byteCount(of: slot))
  }

  /// The same for a window that leaves: it is not closed where a map may be in its place by then. If none comes, it stays open until it is
  /// loaded and emptied again.
  private func rangeToEmpty(of slot: RegionSlot) -> ExtentRange? {
    guard let edition = residency.edition(of: slot), let extent = edition.extent else { return nil }
    let mayClose = !edition.isChangingPlace || Turn.isPlanted("closed map")
    return range(of: slot, edition, mayClose ? extent : extent.withoutClosing)
  }

  func finishLoad(_ slot: RegionSlot, _ chores: inout Chores) {
    guard residency.isHeld(slot), let edition = residency.edition(of: slot) else { return }
    let isAwaited = residency.arrive(slot)
    loads.endWait(for: slot)
    counters.loads += 1
    if edition.backend !== primary { counters.takeovers += 1 }
    if isAwaited && !Turn.isPlanted("lost wake-up") { wakeAll() }
  }

  func finishUnload(_ slot: RegionSlot, _ chores: inout Chores) {
    guard let edition = residency.edition(of: slot) else { return }
    vacate(slot)
    retireIfUnused(edition, &chores)
  }

  /// Takes a claimed window back to absent and gives the error to all who wait for it.
  func failLoad(_ slot: RegionSlot, _ error: MapError, _ chores: inout Chores) {
    if residency.isHeld(slot) { forget(slot, evicted: false) }
    if error.code == .cancelled && loads.isCancelled(slot) {
      loads.endWait(for: slot, wasGivenUp: true)
    } else {
      loads.endWait(for: slot, error)
      counters.failedLoads += 1
    }
    noteTablesLeft(by: slot)
    if !Turn.isPlanted("lost span") { releaseSpan(of: slot, &chores) }
    vacate(slot)
  }

  /// Takes the addresses from a window that leaves, if it has some of its own.
  func releaseSpan(of slot: RegionSlot, _ chores: inout Chores) {
    guard let edition = residency.edition(of: slot), edition.isInSpans,
      let span = edition.spans?.take(of: residency.window(of: slot))
    else { return }
    chores.spans.append((span, edition.backend))
  }

  private func vacate(_ slot: RegionSlot) {
    proofs.forget(slot)
    evictor.forget(slot)
    let edition = residency.edition(of: slot)
    if residency.vacate(slot) { wakeAll() }
    if let edition, edition.regions == 0, edition.extent != nil { places.noteEmptyExtent() }
  }

  /// Takes a region off the policy's and the budget's books.
  func forget(_ slot: RegionSlot, evicted: Bool) {
    recency.remove(slot, residency, evicted: evicted)
    let edition = residency.edition(of: slot)
    ledger.creditRegion(
      residency.letGo(slot), maps: edition?.mapsPerWindow ?? 0,
      addresses: edition?.addressesPerWindow ?? 0)
    if !evicted { noteRoom() }
  }
}
