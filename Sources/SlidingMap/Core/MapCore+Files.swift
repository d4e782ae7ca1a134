import MapProtocols
import Synchronization
import SystemPackage

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
        guard let file = try find(source) else { continue }
        return try attach(to: file, source)
      } catch {
        // Between the two steps others may have closed the handle of a file that somebody writes to. Nobody has seen a byte
        // of it here, so it is looked for anew.
        if error.code != .fileChanged || looks == Self.mostLooks { throw error.about(source) }
        looks += 1
      }
    }
  }

  /// How often a file that changes all the time is looked for.
  private static let mostLooks = 8

  /// A cursor's share in a file.
  @safe
  struct Attachment {
    let file: FileEntry
    let pin: Pin
    let log: AccessLog
    let size: Int64
  }

  /// The entry for a source, counted as having one more cursor. Nil if another look at the file was adopted meanwhile, so that it
  /// is to be looked at again.
  private func find(_ source: FileSource) throws(MapError) -> FileEntry? {
    if let path = source.path {
      let status = try primary.provider.status(at: path)
      let known = try locked { () throws(MapError) in try share(in: status, source) }
      if let known { return known }
    }
    var token = lock()
    try checkUsable()
    let adoptions = adoptions
    let (opened, backend) = try openHandle(source, &token)
    var chores = Chores()
    defer { perform(&chores, &token) }
    if let file = files[opened.status.identity],
      isAnchored(file) || file.generation == opened.status.generation
    {
      file.cursors += 1
      let update: Update
      do throws(MapError) {
        update = try updateWithinBudget(file, opened.status, adoptions, &token)
      } catch {
        chores.handles.append((opened.handle, backend))
        leave(file, &token)
        throw error
      }
      if update == .served {
        if mayAdopt(from: backend, file) {
          adopt(opened.handle, of: backend, file)
        } else if !Turn.isPlanted("forgotten handle") {
          chores.handles.append((opened.handle, backend))
        }
        file.note(source)
        makeRoomForGrowth(&token)
        return file
      }
      leave(file, &token)
      if update == .overlapped {
        chores.handles.append((opened.handle, backend))
        return nil
      }
    }
    guard
      let file = FileEntry(
        source: source, opened: opened, backend: backend, grid: grid, pageSize: pageSize)
    else {
      chores.handles.append((opened.handle, backend))
      throw MapError(.addressSpaceExhausted, errno: .noMemory)
    }
    noteAdoption(by: file)
    file.cursors = 1
    enter(file, &chores, &token)
    return file
  }

  /// The entry that serves a file as a look found it, counted as having one more cursor; nil if there is none.
  private func share(in status: FileStatus, _ source: FileSource) throws(MapError) -> FileEntry? {
    try checkUsable()
    // Of another generation it may be another file, which got the number since the look at the path: only who holds a file
    // open can tell.
    guard let file = files[status.identity], isAnchored(file),
      file.generation == status.generation, file.outgrownGeneration == nil
    else { return nil }
    file.cursors += 1
    file.note(source)
    return file
  }

  /// Makes an entry the one that new cursors on its file get.
  func enter(_ file: FileEntry, _ chores: inout Chores, _ token: inout LockToken) {
    let old = files.updateValue(file, forKey: file.identity)
    filesByUse.append(file)
    handlesByUse.append(file)
    if let old { unloadIfSuperseded(old, &chores, &token) }
  }

  /// Unloads what nobody can come to any more: the windows of an entry without cursors whose place another one took. Called with
  /// the lock, which is given up in between.
  func unloadIfSuperseded(_ file: FileEntry, _ chores: inout Chores, _ token: inout LockToken) {
    guard file.cursors == 0, file.regions > 0, files[file.identity] !== file else { return }
    drainLogs()
    _ = unloadUnused(residency.slots(of: file), &chores, &token)
  }

  /// Whether the file's inode is held, so that its identity can't have gone to another file.
  func isAnchored(_ file: FileEntry) -> Bool {
    file.handle != nil || file.extent != nil && file.backend.properties.extentKeepsFile
  }

  func attach(to file: FileEntry, _ source: FileSource) throws(MapError) -> Attachment {
    var token = lock()
    do throws(MapError) {
      try checkUsable()
      // Mapped at once, so that the old file stays readable should the path be replaced and the handle be closed.
      if file.backend === primary { try ensureExtentIfPossible(file, &token) }
      try checkUsable()
    } catch {
      leave(file, &token)
      throw error
    }
    filesByUse.touch(file)
    cursors += 1
    return unsafe Attachment(
      file: file, pin: file.pins.allocate(), log: recency.logForThisThread(), size: file.size)
  }

  /// A second slot in the same file with the same lease. The source's pin holds meanwhile, and marks are made and scanned
  /// under the lock, so that the new lease is in place before the old one can be dropped.
  func duplicate(_ file: FileEntry, _ original: Pin, _ copy: HeldCopy?) -> (Pin, AccessLog) {
    monitor.lock()
    defer { monitor.unlock() }
    file.cursors += 1
    cursors += 1
    let pin = unsafe file.pins.allocate()
    let windows = unsafe original.pointee.windows(file.grid)
    if !windows.isEmpty {
      unsafe pin.pointee.publish(
        start: file.grid.start(of: windows.lowerBound), count: windows.count)
    }
    if let copy {
      copies.share(copy.chunk)
      unsafe original.pointee.sharesCopy.store(1, ordering: .relaxed)
      unsafe pin.pointee.sharesCopy.store(1, ordering: .relaxed)
    }
    return unsafe (pin, recency.logForThisThread())
  }

  /// A further cursor on a file that somebody holds, without a lease.
  func reopen(_ file: FileEntry, _ source: FileSource, _ size: Int64) -> WindowCursor {
    if isForked {
      // The lock may be held by a thread that the child does not have. Nothing unloads here, so a slot that nobody looks at
      // serves; the child never gives it back.
      let attachment = unsafe Attachment(
        file: file, pin: PinSlots.stranded(), log: AccessLog(), size: size)
      return WindowCursor(core: self, source: source, attachment: attachment)
    }
    monitor.lock()
    defer { monitor.unlock() }
    file.cursors += 1
    cursors += 1
    let attachment = unsafe Attachment(
      file: file, pin: file.pins.allocate(), log: recency.logForThisThread(), size: size)
    return WindowCursor(core: self, source: source, attachment: attachment)
  }

  /// The most bytes that a buffer lends at once without being asked to.
  var contiguousLimit: Int {
    if isForked { return 0 }
    return locked { ledger.limits.bytes / 8 }
  }

  /// Ends a cursor: its pin, its copy, its share in the file, and what only it kept.
  func detach(_ file: FileEntry, _ pin: Pin, _ copy: HeldCopy?) {
    if isForked { return }
    var token = lock()
    let windows = unsafe pin.pointee.windows(file.grid)
    let counts = unsafe file.pins.release(pin)
    counters.hits += counts.hits
    counters.bypasses += counts.bypasses
    bypassClock.advance(by: counts.bypasses % BypassClock.group)
    suspect(windows, of: file)
    var chores = Chores()
    if let copy { takeBack(copy, &chores) }
    file.cursors -= 1
    cursors -= 1
    unloadIfSuperseded(file, &chores, &token)
    endOvershoot(&chores, &token)
    retireIfUnused(file, &chores)
    perform(&chores, &token)
  }

  /// Takes a file without cursors and regions off the registry; its extent and handle go with it.
  func retireIfUnused(_ file: FileEntry, _ chores: inout Chores) {
    guard file.regions == 0, file.extentUsers == 0, !file.isChangingExtent else { return }
    if file.cursors > 0 && !isShutDown || file.isHandleInUse() { return }
    giveUp(file, &chores)
    // Another thread may have done so while this one had given the lock up.
    if file.cursors > 0 || !file.inFiles.isLinked { return }
    if files[file.identity] === file { files[file.identity] = nil }
    filesByUse.remove(file)
    // Who left a handle to it finds it at the one that it was left to.
    file.predecessor?.heir = file.heir
    file.heir?.predecessor = file.predecessor
    file.heir = nil
  }

  /// Ends a call for which a file's extent had to stay.
  func leaveExtent(of file: FileEntry, _ chores: inout Chores) {
    file.extentUsers -= 1
    retireIfUnused(file, &chores)
  }

  /// Gives up what this thread made for a file while another shut the manager down.
  func retireAfterShutdown(_ file: FileEntry, _ token: inout LockToken) {
    guard isShutDown else { return }
    var chores = Chores()
    retireIfUnused(file, &chores)
    perform(&chores, &token)
  }

  private func giveUp(_ file: FileEntry, _ chores: inout Chores) {
    if let handle = file.handle {
      file.handle = nil
      handlesByUse.remove(file)
      if let owner = previousOwner(of: file) {
        adopt(handle, of: file.backend, owner)
        owner.heir = nil
      } else {
        chores.handles.append((handle, file.backend))
      }
    }
    dropExtent(file, &chores)
  }

  /// The entry with cursors that left its handle to `file` and could use it again.
  func previousOwner(of file: FileEntry) -> FileEntry? {
    var owner = isShutDown ? nil : file.predecessor
    while let entry = owner, entry.cursors == 0 { owner = entry.predecessor }
    return owner.flatMap { mayAdopt(from: file.backend, $0) ? $0 : nil }
  }

  func dropExtent(_ file: FileEntry, _ chores: inout Chores) {
    guard let extent = file.extent else { return }
    chores.extents.append((extent, file.backend))
    file.extent = nil
    file.advised = .normal
    file.base.store(0, ordering: .relaxed)
    file.pins.callAttention()
  }
}
