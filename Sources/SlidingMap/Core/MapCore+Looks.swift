import MapProtocols
import SystemPackage

/// Looks at files that change while they are open.
extension MapCore {
  // MARK: Adoption

  /// The edition that serves a file as a look found it, counted as having one more cursor. Called with the lock, which may be given
  /// up in between; the caller holds the file.
  ///
  /// - Returns: nil if another look was adopted since this one began, so that the file is to be looked at again.
  /// - Throws: `.budgetExhausted` where a loaded last window grew, the budget is hard, and all else is in use;
  ///   `.addressSpaceExhausted` where there is no memory for a table. The file stays as it was then.
  func adopt(
    _ status: FileStatus, by file: TrackedFile, since look: FileRegistry.Look,
    isAlone: Bool = false, _ token: inout LockToken
  ) throws(MapError) -> Edition? {
    var chores = Chores()
    defer { perform(&chores, &token) }
    var mayUnload = true
    while true {
      let isNew = file.version != status.version
      if isNew && registry.isOvertaken(look, of: file, isAlone: isAlone) { return nil }
      guard let current = file.current else { break }
      if canServe(current, status) {
        if !(try makeRoomForGrowth(of: current, to: status, &chores, &token)) { continue }
        current.share()
        serve(current, status)
        try? makeRoomAfterGrowth(&token)
        return current
      }
      // Copies of an old version that nobody uses are in nobody's way.
      let inTheWay = slotsInTheWay(of: current, status)
      if !mayUnload || inTheWay.isEmpty { break }
      mayUnload = false
      drainLogs()
      _ = unloadUnused(inTheWay, &chores, &token)
      perform(&chores, &token)
    }
    guard let edition = makeEdition(of: file, status) else {
      throw MapError(.addressSpaceExhausted, errno: .noMemory)
    }
    unloadSuperseded(of: file, &chores, &token)
    return edition
  }

  /// Whether an edition can serve its file as it is now, to a new cursor or to those that it has.
  private func canServe(_ edition: Edition, _ status: FileStatus) -> Bool {
    if edition.isPoisoned && !Turn.isPlanted("poisoned edition") { return false }
    if changes == .oneVersion && edition.backend.isCopying && edition.cursors > 0
      && status.version != edition.version && !Turn.isPlanted("later version")
    {
      return false
    }
    return slotsInTheWay(of: edition, status).isEmpty && status.size <= Int64(edition.room)
  }

  /// Which regions of an edition keep it from serving its file as it is now.
  ///
  /// Copies of different versions are never joined, but where there are none there is nothing to join. Where only the change time is
  /// another the file may have been renamed merely; or it was written to, and its modification time put back. Below the end of a file
  /// that only grows nothing changes.
  private func slotsInTheWay(of edition: Edition, _ status: FileStatus) -> [RegionSlot] {
    if mayJoin(edition, status) { return [] }
    let slots = residency.slots(of: edition)
    guard edition.onlyGrows(to: status), edition.size == edition.longest else { return slots }
    let last = edition.grid.window(at: edition.size)
    return slots.filter { residency.window(of: $0) == last }
  }

  /// Whether copies that an edition has may be joined with those of a status.
  func mayJoin(_ edition: Edition, _ status: FileStatus) -> Bool {
    if !edition.backend.isCopying || edition.regions == 0 { return true }
    if edition.onlyGrows(to: status) && status.size == edition.size { return true }
    let areSettled = status.isSettled && edition.status.isSettled
    return status.isSame(as: edition.status) && (areSettled || Turn.isPlanted("joined ticks"))
  }

  /// Lets an edition serve a version that it can serve.
  private func serve(_ edition: Edition, _ status: FileStatus) {
    let isKnown = edition.version == status.version && edition.file.version == status.version
    if isKnown && edition.status.isSettled == status.isSettled { return }
    let growth = growth(of: edition, to: status.size)
    edition.adopt(status)
    registry.noteAdoption(of: status, by: edition.file)
    if Turn.isPlanted("uncharged growth") { return }
    for window in growth {
      ledger.chargeGrowth(window.byteCount)
      residency.grow(window.slot, by: window.byteCount)
    }
  }

  // MARK: Growth

  /// What loaded windows of a file that grew take more of the budget than they did: its last one grows in place, and so do those
  /// that stayed when the file was cut short before. O(1), and the windows that were cut off.
  private func growth(
    of edition: Edition, to size: Int64
  ) -> [(slot: RegionSlot, byteCount: Int)] {
    if size <= edition.size || edition.longest == 0 { return [] }
    var growth: [(slot: RegionSlot, byteCount: Int)] = []
    let first = edition.grid.window(at: max(edition.size - 1, 0))
    for window in first...max(edition.grid.window(at: edition.longest - 1), first) {
      let word = unsafe edition.windows.word(window)
      if word.state == .absent || !residency.isHeld(word.slot) { continue }
      let charge = edition.charge(for: window, fileSize: size, pageSize: pageSize)
      let byteCount = charge - residency.byteCount(of: word.slot)
      if byteCount > 0 { growth.append((word.slot, byteCount)) }
    }
    return growth
  }

  /// Makes room for what loaded windows of an edition are about to grow by, where the budget is hard.
  ///
  /// - Returns: false if the lock was given up for that, so that all is to be looked at again.
  private func makeRoomForGrowth(
    of edition: Edition, to status: FileStatus, _ chores: inout Chores, _ token: inout LockToken
  ) throws(MapError) -> Bool {
    let growth = growth(of: edition, to: status.size)
    let byteCount = growth.reduce(0) { $0 + $1.byteCount }
    let demand = Ledger.Demand(
      bytes: byteCount, regions: 0, isHard: demand(for: edition, byteCount: byteCount).isHard)
    if byteCount == 0 || !demand.isHard || fits(demand) { return true }
    drainLogs()
    // They may be what must go, if they alone are too large.
    let isTooLarge = byteCount > ledger.limits.bytes
    if !isTooLarge || unloadUnused(growth.map(\.slot), &chores, &token) == 0 {
      try makeRoom(for: demand, &chores, &token)
    }
    return false
  }

  /// Unloads what a larger last window left no room for. Called with the lock, which is given up in between.
  ///
  /// It counts as held only then: nobody who knows the file's new size has come to its bytes yet.
  private func makeRoomAfterGrowth(_ token: inout LockToken) throws(MapError) {
    defer { ledger.notePeak() }
    if ledger.fits(.none) { return }
    drainLogs()
    var chores = Chores()
    defer { perform(&chores, &token) }
    try makeRoom(for: .none, &chores, &token)
  }

  // MARK: Looks

  /// The edition that serves a file as it is now, by a look; counted as having one more cursor.
  func present(
    _ file: TrackedFile, _ source: FileSource
  ) throws(MapError) -> Edition {
    var token = lock()
    var chores = Chores()
    file.hold()
    defer {
      letGo(of: file, &chores)
      perform(&chores, &token)
    }
    for _ in 1...Self.overlapping {
      try checkUsable()
      if let edition = try look(at: file, source, &token) { return edition }
    }
    while file.looks.isLooking { token.wait() }
    registry.beginLookingAlone(at: file)
    defer {
      registry.endLookingAlone(at: file)
      wakeAll()
    }
    while true {
      try checkUsable()
      if let edition = try look(at: file, source, isAlone: true, &token) { return edition }
    }
  }

  /// How many looks of a thread may be overtaken before others wait for its next.
  private static let overlapping = 2

  /// The same, or nil if another thread adopted another look meanwhile.
  private func look(
    at file: TrackedFile, _ source: FileSource, isAlone: Bool = false, _ token: inout LockToken
  ) throws(MapError) -> Edition? {
    while file.looks.isLooking && !isAlone { token.wait() }
    let look = registry.look()
    // What holds the inode is held meanwhile: the handle by the question itself.
    let map = file.handle == nil ? file.first(where: { $0.keepsFile }) : nil
    let wasAnchored = file.handle != nil || map != nil
    if let map { places.beginExtentUse(of: map) }
    var isMapUsed = map != nil
    defer {
      var chores = Chores()
      if let map, isMapUsed { places.endExtentUse(of: map) }
      if let map { retireIfUnused(map, &chores) }
      perform(&chores, &token)
    }
    // What nobody can tell is no reason to keep an old size.
    guard let status = try statusWithinBudget(of: file, source, &token) else {
      throw MapError(.fileChanged)
    }
    if status.identity != file.identity {
      file.noteSuccessor(status.identity)
      throw MapError(.fileChanged)
    }
    let isProven = wasAnchored || status.version == file.version
    if !isProven && !Turn.isPlanted("unproven file") {
      // Nothing held the inode, so its number may have gone to another file; also that of an empty one.
      throw MapError(.fileChanged)
    }
    guard let edition = try adopt(status, by: file, since: look, isAlone: isAlone, &token)
    else { return nil }
    do throws(MapError) {
      if edition.backend === primary {
        if let map, edition.extent == nil, edition.size > 0 {
          // With a handle the old map may make room for the new one.
          try ensureHandle(file, from: source, &token)
          places.endExtentUse(of: map)
          isMapUsed = false
        }
        try ensureExtentIfPossible(edition, from: source, &token)
      }
      // After a shutdown nobody gives up what this thread made meanwhile.
      try checkUsable()
    } catch {
      leave(edition, &token)
      throw error
    }
    file.note(source)
    return edition
  }

  /// The same as `statusNow`, also of a backend that must open a file to ask for it: others are closed for it then.
  private func statusWithinBudget(
    of file: TrackedFile, _ source: FileSource, _ token: inout LockToken
  ) throws(MapError) -> FileStatus? {
    let hadHandle = file.handle != nil
    do throws(MapError) {
      return try statusNow(of: file, source, &token)
    } catch {
      if error.code != .handlesExhausted || hadHandle { throw error }
      try ensureHandle(file, from: source, &token)
      return try statusNow(of: file, source, &token)
    }
  }

  /// The file's status, or that of the file to which its handle leads by now; nil if nobody can tell: no handle that can, and each path
  /// leads elsewhere or nowhere.
  private func statusNow(
    of file: TrackedFile, _ source: FileSource, _ token: inout LockToken
  ) throws(MapError) -> FileStatus? {
    let (handle, provider, known) = (file.handle, file.backend.provider, file.version)
    let sources = file.sources(source)
    places.beginHandleUse(of: file)
    defer {
      places.endHandleUse(of: file)
      wakeAll()
    }
    return try token.unlocked { () throws(MapError) in
      if let handle {
        do throws(MapError) {
          return try provider.status(of: handle)
        } catch {
          if error.code != .fileChanged { throw error }
          // The provider can't tell, but the handle holds the file, so a path that leads to its inode leads to it.
        }
      }
      return try provider.status(of: file.identity, known, by: sources)
    }
  }
}

extension RegionProvider {
  /// What the first of the sources that leads to a file tells of it; nil if none does. Where numbers repeat, only one that finds it as it
  /// is known does.
  func status(
    of identity: FileIdentity, _ known: FileVersion, by sources: [FileSource]
  ) throws(MapError) -> FileStatus? {
    var failure: MapError?
    for source in sources {
      do throws(MapError) {
        let status = try status(of: source)
        let isProved = !status.isAmbiguous || status.version == known
        if status.identity == identity && isProved { return status }
      } catch {
        if error.errno != .noSuchFileOrDirectory { failure = failure ?? error }
      }
    }
    if let failure { throw failure }
    return nil
  }
}
