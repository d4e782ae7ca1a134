import MapProtocols
import Synchronization
import SystemPackage

/// From what a cursor is asked for to its place in an edition.
extension MapCore {
  /// Finds or opens a file for a new cursor and gives the cursor its slot.
  ///
  /// A path that leads to a file which the manager holds, and which has not changed, costs one stat(2); one that has
  /// changed an open(2) and fstat(2) besides, and any other an mmap(2).
  func attach(_ source: FileSource) throws(MapError) -> Attachment {
    if isForked { throw MapError(.forked, source: source) }
    var looks = 1
    while true {
      do throws(MapError) {
        if let found = try find(source) { return found }
      } catch {
        if !mayFind(again: &looks, error) { throw error.about(source) }
      }
    }
  }

  /// The same for a task, whose thread it does not block.
  func attach(awaiting source: FileSource) async throws(MapError) -> Attachment {
    if isForked { throw MapError(.forked, source: source) }
    if Task.isCancelled { throw MapError(.cancelled, source: source) }
    guard let opener = primary.provider as? any AsynchronousProvider else {
      return try await callBlocking { () throws(MapError) in try self.attach(source) }
    }
    var looks = 1
    while true {
      do throws(MapError) {
        if let found = try await find(source, awaiting: opener) { return found }
      } catch {
        // Threads close idle handles for it, or have the takeover open it.
        if error.code == .handlesExhausted {
          return try await callBlocking { () throws(MapError) in try self.attach(source) }
        }
        if !mayFind(again: &looks, error) { throw error.about(source) }
      }
    }
  }

  func callBlocking<Value: Sendable>(
    _ body: @escaping @Sendable () throws(MapError) -> Value
  ) async throws(MapError) -> Value {
    #if Schedule
      if Schedule.current != nil { return try body() }
    #endif
    return try await openings.run(body)
  }

  /// Whether a file that was lost between two steps is to be looked for anew: others may have closed the handle of a file that somebody
  /// writes to. Nobody has seen a byte of it here.
  private func mayFind(again looks: inout Int, _ error: MapError) -> Bool {
    looks += 1
    return error.code == .fileChanged && looks <= Self.mostLooks
  }

  /// How often a file that changes all the time is looked for.
  private static let mostLooks = 8

  /// A cursor's share in an edition.
  @safe
  struct Attachment: @unchecked Sendable {
    let edition: Edition
    let pin: Pin
    let log: AccessLog
    let size: Int64
  }

  /// A share in the edition for a source. Nil if another look at the file was adopted meanwhile, so that it is to be looked at again.
  private func find(_ source: FileSource) throws(MapError) -> Attachment? {
    if source.isLasting, let known = try findKnown(source) { return known }
    var token = lock()
    try checkUsable()
    let look = registry.look()
    guard let (opened, backend) = try openHandle(source, &token) else { return nil }
    let found = try attach(to: opened, of: backend, since: look, source, &token)
    // Who looks alone is not to be raced.
    if found == nil { while isLookedAtAlone(opened) { token.wait() } }
    return found
  }

  /// Whether a thread keeps others from looking at the file that was opened.
  private func isLookedAtAlone(_ opened: OpenedFile) -> Bool {
    registry[opened.status.identity]?.looks.isLooking == true
  }

  /// The same by a look at a path; nil if it leads to no file that the manager knows.
  private func findKnown(_ source: FileSource) throws(MapError) -> Attachment? {
    let status: FileStatus
    do throws(MapError) {
      status = try primary.provider.status(of: source)
    } catch {
      // Of a backend that must open a file to ask for it: others are closed for it where it is opened.
      if error.code == .handlesExhausted { return nil }
      throw error
    }
    var token = lock()
    guard let edition = try share(in: status, source) else { return nil }
    return try attach(to: edition, source, &token)
  }

  /// The same as `find` by a backend that opens files for tasks. Others may wait for what threads do, but nobody waits for this task:
  /// what it has asked for counts apart until it is there.
  private func find(
    _ source: FileSource, awaiting opener: any AsynchronousProvider
  ) async throws(MapError) -> Attachment? {
    var look: FileRegistry.Look
    while true {
      let asked = try beginOpening(source)
      look = asked.look
      guard let ticket = asked.ticket else { break }
      try await wait(for: [ticket])
    }
    let opened: OpenedFile
    do throws(MapError) {
      opened = try await opener.open(source)
    } catch {
      locked { endOpening() }
      throw error
    }
    let (found, ticket) = try attach(to: opened, since: look, source)
    if let ticket { try await wait(for: [ticket]) }
    return found
  }

  /// Goes on with a file that was opened for a task, in the same way; what to wait for where another look is to be over first.
  private func attach(
    to opened: OpenedFile, since look: FileRegistry.Look, _ source: FileSource
  ) throws(MapError) -> (found: Attachment?, ticket: LoadTicket?) {
    var token = lock()
    ledger.endOpening()
    ledger.chargeHandle()
    let found = try attach(to: opened, of: primary, since: look, source, &token)
    if found != nil || !isLookedAtAlone(opened) { return (found, nil) }
    let ticket = loads.ticketForHandles()
    ticket.wish()
    return (nil, ticket)
  }

  /// A share in the edition for a file that was opened, or nil, as of `find`. The handle finds its place, or is closed.
  ///
  /// From the step by which the file takes the handle to the beginning of what needs it the lock is held: others would close it, and
  /// there may be no other.
  private func attach(
    to opened: OpenedFile, of backend: Backend, since look: FileRegistry.Look,
    _ source: FileSource, _ token: inout LockToken
  ) throws(MapError) -> Attachment? {
    var chores = Chores()
    defer { perform(&chores, &token) }
    var former: TrackedFile?
    let edition = try share(in: opened, of: backend, since: look, source, &former, &chores, &token)
    // A handle that was not taken: somebody may wait for it that this thread is about to wait for.
    perform(&chores, &token)
    guard let edition else { return nil }
    defer { if let former { unloadSuperseded(of: former, &chores, &token) } }
    return try attach(to: edition, source, &token)
  }

  /// The edition for a file that was opened, counted as having one more cursor, or nil, as of `find`. The file has taken the handle
  /// then, or it is among the chores.
  ///
  /// - Parameter former: whose place in the registry the file took.
  private func share(
    in opened: OpenedFile, of backend: Backend, since look: FileRegistry.Look,
    _ source: FileSource, _ former: inout TrackedFile?, _ chores: inout Chores,
    _ token: inout LockToken
  ) throws(MapError) -> Edition? {
    defer { if !Turn.isPlanted("unheard handle") { handlesMoved() } }
    let (status, handle) = (opened.status, opened.handle)
    if isShutDown {
      chores.handles.append((handle, backend))
      throw MapError(.shutdown)
    }
    guard let file = registry[status.identity], isProved(status, of: file, source) else {
      return try enter(source, opened, backend, &former, &chores)
    }
    file.hold()
    defer { letGo(of: file, &chores) }
    let edition: Edition?
    do throws(MapError) {
      edition = try adopt(status, by: file, since: look, &token)
    } catch {
      chores.handles.append((handle, backend))
      throw error
    }
    if edition != nil && mayTake(from: backend, file) {
      places.take(handle, of: backend, file)
    } else if !Turn.isPlanted("forgotten handle") {
      chores.handles.append((handle, backend))
    }
    if edition != nil { file.note(primary.provider.resolve(source)) }
    return edition
  }

  /// The edition that serves a file as a look at its path found it, counted as having one more cursor; nil if there is none.
  private func share(in status: FileStatus, _ source: FileSource) throws(MapError) -> Edition? {
    try checkUsable()
    guard let file = registry[status.identity] else { return nil }
    file.prefetch()
    if let edition = file.current {
      edition.prefetch()
      edition.prefetchParts(0)
      places.prefetch(for: edition)
    }
    // Of another version it may be another file, which got the number since the look at the path: only who holds a file
    // open can tell.
    guard file.isAnchored,
      isProved(status, of: file, source), file.version == status.version,
      let edition = file.current,
      mayJoin(edition, status), !edition.isPoisoned || Turn.isPlanted("poisoned edition")
    else { return nil }
    edition.share()
    file.note(primary.provider.resolve(source))
    return edition
  }

  /// Whether a status whose identity is a file's is of that file: somebody holds its inode, or it is as it was. Where numbers repeat an
  /// inode proves nothing, and only who comes by the same path finds it, as it was.
  private func isProved(
    _ status: FileStatus, of file: TrackedFile, _ source: FileSource
  ) -> Bool {
    let isAsKnown = file.version == status.version
    if status.isAmbiguous {
      return isAsKnown && file.sources.contains(primary.provider.resolve(source))
    }
    // One that only the takeover opens, and that no path leads to, would find no handle any more.
    if file.isUnmappable && file.handle == nil && !file.canReopen { return false }
    return file.isAnchored || isAsKnown
  }

  /// Enters a file that was not known, and its first edition, counted as having a cursor.
  private func enter(
    _ source: FileSource, _ opened: OpenedFile, _ backend: Backend,
    _ former: inout TrackedFile?, _ chores: inout Chores
  ) throws(MapError) -> Edition {
    let file = TrackedFile(source, primary.provider.resolve(source), opened, backend)
    guard let edition = makeEdition(of: file, opened.status) else {
      chores.handles.append((opened.handle, backend))
      throw MapError(.addressSpaceExhausted, errno: .noMemory)
    }
    former = registry.enter(file)
    places.enter(file)
    return edition
  }

  /// Makes an edition of a file as it is now, counted as having a cursor; nil if there is no memory for its table.
  func makeEdition(of file: TrackedFile, _ status: FileStatus) -> Edition? {
    guard
      let edition = Edition(
        of: file, status, backend: file.backend, grid: grid, pageSize: pageSize, changes)
    else { return nil }
    registry.noteAdoption(of: status, by: file)
    edition.share()
    file.enter(edition)
    places.enter(edition)
    return edition
  }

  /// A cursor's slot in an edition in which it has a share.
  ///
  /// - Parameter size: the file's, as the cursor knows it; nil for what it is now.
  func attach(
    to edition: Edition, _ source: FileSource, size: Int64? = nil
  ) throws(MapError) -> Attachment {
    var token = lock()
    return try attach(to: edition, source, size: size, &token)
  }

  private func attach(
    to edition: Edition, _ source: FileSource, size: Int64? = nil, _ token: inout LockToken
  ) throws(MapError) -> Attachment {
    do throws(MapError) {
      try checkUsable()
      // Mapped at once, so that the old file stays readable should the path be replaced and the handle be closed.
      if edition.file.backend === primary {
        try ensureExtentIfPossible(edition, from: source, &token)
      }
      try checkUsable()
    } catch {
      leave(edition, &token)
      throw error
    }
    places.touch(edition)
    return enterCursor(of: edition, size: size ?? edition.size)
  }

  /// A slot for a cursor whose share in the edition is counted.
  private func enterCursor(of edition: Edition, size: Int64) -> Attachment {
    cursors += 1
    return unsafe Attachment(
      edition: edition, pin: edition.pins.allocate(), log: recency.logForThisThread(), size: size)
  }

  /// A second slot in the same edition with the same lease. The source's pin holds meanwhile, and marks are made and scanned
  /// under the lock, so that the new lease is in place before the old one can be dropped.
  func duplicate(_ edition: Edition, _ original: Pin, _ copy: HeldCopy?) -> (Pin, AccessLog) {
    monitor.lock()
    defer { monitor.unlock() }
    edition.share()
    let attachment = enterCursor(of: edition, size: edition.size)
    let pin = unsafe attachment.pin
    let windows = unsafe original.pointee.windows(edition.grid)
    if !windows.isEmpty {
      unsafe pin.pointee.publish(
        start: edition.grid.start(of: windows.lowerBound), count: windows.count)
    }
    if let copy {
      copies.share(copy.chunk)
      unsafe original.pointee.sharesCopy.store(1, ordering: .relaxed)
      unsafe pin.pointee.sharesCopy.store(1, ordering: .relaxed)
    }
    return unsafe (pin, attachment.log)
  }

  /// A further cursor on a file that somebody holds, without a lease.
  func reopen(_ edition: Edition, _ source: FileSource, _ size: Int64) -> WindowCursor {
    if isForked {
      // The lock may be held by a thread that the child does not have. Nothing unloads here, so a slot that nobody looks at
      // serves; the child never gives it back.
      let attachment = unsafe Attachment(
        edition: edition, pin: PinSlots.stranded(), log: AccessLog(), size: size)
      return WindowCursor(core: self, source: source, attachment: attachment)
    }
    let attachment = locked {
      // The cursors that went before may all have moved on.
      let file = edition.file
      let listed = edition.links.isLinked ? edition : file.current ?? file.older.last ?? edition
      listed.share()
      return enterCursor(of: listed, size: size)
    }
    return WindowCursor(core: self, source: source, attachment: attachment)
  }

  /// The most bytes that a buffer lends at once without being asked to.
  var contiguousLimit: Int {
    if isForked { return 0 }
    return locked { ledger.limits.bytes / 8 }
  }
}
