import MapProtocols
import SystemPackage

/// Files that change while they are open.
extension MapCore {
  /// What came of a status.
  enum Update {
    /// The entry serves the file as it is now; `makeRoomForGrowth` is due.
    case served
    /// It can't: the file outgrew its extent, or its loaded windows are copies of another generation. Cursors to come get a
    /// new entry then, and this one ends with its own.
    case outgrown
    /// Another look was adopted since this one began, so that this may be the older one: the file is to be looked at again.
    case overlapped
  }

  /// Takes a status over that a look brought which began after so many adoptions.
  private func update(_ file: FileEntry, _ status: FileStatus, _ adoptions: Int) -> Update {
    if status.generation == file.generation && file.outgrownGeneration == nil { return .served }
    if file.adoption > adoptions && !Turn.isPlanted("older look") { return .overlapped }
    guard canServe(file, status) else { return .outgrown }
    let growth = growth(of: file, status)
    file.generation = status.generation
    file.outgrownGeneration = nil
    noteAdoption(by: file)
    if Turn.isPlanted("uncharged growth") { return .served }
    for window in growth {
      ledger.chargeGrowth(window.byteCount)
      residency.grow(window.slot, by: window.byteCount)
    }
    return .served
  }

  /// Notes that an entry has a generation which a look brought just now.
  func noteAdoption(by file: FileEntry) {
    adoptions += 1
    file.adoption = adoptions
    file.requestsPast = 0
  }

  /// The same, after room was made for what a loaded last window grows by, where the budget is hard. Called with the lock,
  /// which may be given up before; the caller has a share in the file.
  ///
  /// - Throws: `.budgetExhausted` where all else is in use; the file stays as it was then.
  func updateWithinBudget(
    _ file: FileEntry, _ status: FileStatus, _ adoptions: Int, _ token: inout LockToken
  ) throws(MapError) -> Update {
    var chores = Chores()
    defer { perform(&chores, &token) }
    while file.adoption <= adoptions, canServe(file, status) {
      let growth = growth(of: file, status)
      let byteCount = growth.reduce(0) { $0 + $1.byteCount }
      let demand = Ledger.Demand(
        bytes: byteCount, regions: 0, isHard: demand(for: file, byteCount: byteCount).isHard)
      if byteCount == 0 || !demand.isHard || fits(demand) { break }
      drainLogs()
      // They may be what must go, if they alone are too large.
      if byteCount > ledger.limits.bytes && unloadUnused(growth.map(\.slot), &chores, &token) > 0 {
        continue
      }
      try makeRoom(for: demand, &chores, &token)
    }
    return update(file, status, adoptions)
  }

  /// What loaded windows of a file that grew take more of the budget than they did: its last one grows in place, and so do those
  /// that stayed when the file was cut short before. O(1), and the windows that were cut off.
  private func growth(
    of file: FileEntry, _ status: FileStatus
  ) -> [(slot: RegionSlot, byteCount: Int)] {
    if status.size <= file.size || file.longest == 0 { return [] }
    var growth: [(slot: RegionSlot, byteCount: Int)] = []
    let first = file.grid.window(at: max(file.size - 1, 0))
    for window in first...max(file.grid.window(at: file.longest - 1), first) {
      let word = unsafe file.windows.word(window)
      if word.state == .absent || !residency.isHeld(word.slot) { continue }
      let charge = file.charge(for: window, fileSize: status.size, pageSize: pageSize)
      let byteCount = charge - residency.byteCount(of: word.slot)
      if byteCount > 0 { growth.append((word.slot, byteCount)) }
    }
    return growth
  }

  /// Whether an entry can serve its file as it is now, to a new cursor or to those that it has.
  private func canServe(_ file: FileEntry, _ status: FileStatus) -> Bool {
    // Copies of different generations are never joined, but where there are none there is nothing to join. Cursors that know
    // a longer file would take what lies behind a shorter one's bytes for loaded. Where only the change time is another the
    // file may have been renamed merely; or it was written to, and its modification time put back.
    let isJoinable =
      file.backend.properties.isCoherent
      || file.regions == 0 && status.size >= file.size
      || status.generation == file.copiedGeneration
    return isJoinable && status.size <= Int64(file.room)
  }

  /// Unloads what a larger last window left no room for. Called with the lock, which is given up in between.
  ///
  /// It counts as held only then: nobody who knows the file's new size has come to its bytes yet.
  func makeRoomForGrowth(_ token: inout LockToken) {
    defer { ledger.notePeak() }
    if ledger.fits(.none) { return }
    drainLogs()
    var chores = Chores()
    try? makeRoom(for: .none, &chores, &token)
    perform(&chores, &token)
  }

  /// What a second look at a file found.
  enum Refreshed {
    /// The entry serves it, with this size.
    case size(Int64)
    /// Another entry has to, and the cursor has a share in it.
    case moved(Attachment)
  }

  /// Looks at the file again for a cursor. Whatever became of its path or the caller's descriptor, it stays that file.
  func refresh(_ file: FileEntry, _ source: FileSource) throws(MapError) -> Refreshed {
    if isForked { throw MapError(.forked, source: source) }
    do throws(MapError) {
      guard let successor = try refreshedEntry(file, source) else {
        return .size(locked { file.size })
      }
      return .moved(try attach(to: successor, source))
    } catch {
      throw error.about(source)
    }
  }

  /// The entry that serves the file as it is now, counted as having one more cursor; nil if `file` does.
  private func refreshedEntry(
    _ file: FileEntry, _ source: FileSource
  ) throws(MapError) -> FileEntry? {
    var token = lock()
    while true {
      try checkUsable()
      let newest = newest(file)
      // Kept while the lock is given up.
      newest.cursors += 1
      defer { leave(newest, &token) }
      guard let found = try served(newest, source, &token) else { continue }
      if found !== file { return found }
      file.cursors -= 1
      return nil
    }
  }

  /// How often a request that found its file changed is made again.
  static let changesFollowed = 3

  /// How many requests are read past an entry's windows, where copies of an old version were in use, before it is looked whether
  /// they still are.
  private static let requestsPast = 8

  /// How a request goes on that found its file changed.
  enum Following {
    /// It may find its bytes now.
    case ready
    /// Somebody uses copies of another version, so that its bytes are to be read past the windows.
    case past
  }

  /// Lets an entry go on with the file as it is now, for a request that found copies to be of another version than the file. Loaded
  /// copies of the old one leave, unless somebody uses them.
  ///
  /// - Parameter error: what the request found.
  /// - Throws: that, or why the file is out of reach.
  func follow(
    _ file: FileEntry, _ source: FileSource, after error: MapError
  ) throws(MapError) -> Following {
    if isForked { throw MapError(.forked) }
    var token = lock()
    defer { retireAfterShutdown(file, &token) }
    try checkUsable()
    if file.backend.properties.isCoherent {
      if file.extent == nil { throw error }
      // Another thread took it back from the takeover meanwhile.
      return .ready
    }
    do throws(MapError) {
      try ensureHandle(file, from: source, &token)
    } catch {
      if newest(file).handle == nil { throw error }
      return .past
    }
    if serveAsItIsNow(file, source, &token) { return .ready }
    file.requestsPast = Self.requestsPast
    return .past
  }

  /// Whether an entry that has a handle can serve its file as it is now, for cursors that know no more of it than they did.
  private func serveAsItIsNow(_ file: FileEntry, _ source: FileSource, _ token: inout LockToken)
    -> Bool
  {
    let adoptions = adoptions
    guard file.handle != nil, let status = try? statusNow(of: file, source, &token) else {
      return false
    }
    if status.generation != file.copiedGeneration {
      drainLogs()
      var chores = Chores()
      _ = unloadUnused(residency.slots(of: file), &chores, &token)
      perform(&chores, &token)
    }
    guard let update = try? updateWithinBudget(file, status, adoptions, &token) else {
      return false
    }
    if update != .outgrown { return true }
    if file.regions > 0 || status.size < file.size || file.adoption > adoptions { return false }
    // It has no room for what the file is now, but for what its cursors know of.
    file.outgrownGeneration = status.generation
    noteAdoption(by: file)
    return true
  }

  /// Ends a share in a file that is no cursor's.
  func leave(_ file: FileEntry, _ token: inout LockToken) {
    file.cursors -= 1
    var chores = Chores()
    unloadIfSuperseded(file, &chores, &token)
    retireIfUnused(file, &chores)
    perform(&chores, &token)
  }

  /// The entry that can tell how the file is now: the one that took its handle along, or another one with a handle on what a
  /// map proves to be the same file; else itself.
  func newest(_ file: FileEntry) -> FileEntry {
    var newest = file
    while newest.handle == nil, let heir = newest.heir, heir.inFiles.isLinked { newest = heir }
    if newest.handle == nil, isAnchored(newest), let other = files[file.identity],
      other.handle != nil
    {
      return other
    }
    return newest
  }

  /// The entry that serves a file as it is now, `file` itself or another one, counted as having one more cursor. Nil if it is
  /// to be looked for anew, because another thread took the file's handle or adopted another look meanwhile.
  private func served(_ file: FileEntry, _ source: FileSource, _ token: inout LockToken)
    throws(MapError) -> FileEntry?
  {
    // What nobody can tell is no reason to keep an old size.
    let adoptions = adoptions
    let wasAnchored = isAnchored(file)
    guard let status = try statusNow(of: file, source, &token) else { throw MapError(.fileChanged) }
    let isProven = wasAnchored || status.generation == file.copiedGeneration
    if !isProven && !Turn.isPlanted("unproven file") {
      // Nothing held the inode, so its number may have gone to another file; also that of an empty one.
      throw MapError(.fileChanged)
    }
    switch try updateWithinBudget(file, status, adoptions, &token) {
    case .served:
      makeRoomForGrowth(&token)
      if file.backend === primary { try ensureExtentIfPossible(file, &token) }
      file.cursors += 1
      file.note(source)
      return file
    case .overlapped: return nil
    case .outgrown: break
    }
    if let other = files[file.identity], other !== file, isAnchored(other) {
      other.cursors += 1
      let update: Update
      do throws(MapError) {
        update = try updateWithinBudget(other, status, adoptions, &token)
      } catch {
        leave(other, &token)
        throw error
      }
      if update == .served {
        other.note(source)
        makeRoomForGrowth(&token)
        return other
      }
      leave(other, &token)
      if update == .overlapped { return nil }
    }
    return try successor(of: file, status, adoptions, source, &token)
  }

  /// An entry for a file that outgrew `file`, which goes on with its extent and leaves its handle to the new one. Nil if
  /// another thread took the handle, or adopted another look meanwhile.
  private func successor(
    of file: FileEntry, _ status: FileStatus, _ adoptions: Int, _ source: FileSource,
    _ token: inout LockToken
  ) throws(MapError) -> FileEntry? {
    // The old entry goes on with its extent alone.
    try ensureExtent(file, mayOvershoot: true, &token)
    try ensureHandle(file, from: source, &token)
    while file.isChangingExtent || file.isHandleInUse() {
      waitForHandles(&token)
    }
    guard let handle = file.handle, file.adoption <= adoptions else { return nil }
    if let other = files[file.identity], other !== file, other.adoption > adoptions { return nil }
    let opened = OpenedFile(handle: handle, status: status)
    guard
      let entry = FileEntry(
        source: file.source, opened: opened, backend: file.backend, grid: grid,
        pageSize: pageSize)
    else { throw MapError(.addressSpaceExhausted, errno: .noMemory) }
    file.handle = nil
    handlesByUse.remove(file)
    file.heir = entry
    entry.predecessor = file
    entry.paths = file.paths
    entry.note(source)
    noteAdoption(by: entry)
    entry.cursors = 1
    var chores = Chores()
    enter(entry, &chores, &token)
    perform(&chores, &token)
    return entry
  }

  /// The file's status, or nil if nobody can tell: no handle that can, and each path leads elsewhere or nowhere.
  private func statusNow(
    of file: FileEntry, _ source: FileSource, _ token: inout LockToken
  ) throws(MapError) -> FileStatus? {
    let (handle, provider) = (file.handle, file.backend.provider)
    let paths = file.paths(source)
    file.handleUsers += 1
    defer {
      file.handleUsers -= 1
      monitor.broadcast()
    }
    return try token.unlocked { () throws(MapError) in
      if let handle {
        do throws(MapError) {
          let status = try provider.status(of: handle)
          return status.identity == file.identity ? status : nil
        } catch {
          if error.code != .fileChanged { throw error }
          // The provider can't tell, but the handle holds the file, so a path that leads to its inode leads to it.
        }
      }
      return try provider.status(of: file.identity, at: paths)
    }
  }
}

extension RegionProvider {
  /// What the first of the paths that leads to a file tells of it; nil if none does.
  func status(
    of identity: FileIdentity, at paths: [FilePath]
  ) throws(MapError) -> FileStatus? {
    var failure: MapError?
    for path in paths {
      do throws(MapError) {
        let status = try status(at: path)
        if status.identity == identity { return status }
      } catch {
        if error.errno != .noSuchFileOrDirectory { failure = failure ?? error }
      }
    }
    if let failure { throw failure }
    return nil
  }
}
