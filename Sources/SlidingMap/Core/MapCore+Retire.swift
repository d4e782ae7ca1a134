import MapProtocols

/// Cursors that go, and what goes with the last: windows, editions, extents, handles and files.
extension MapCore {
  /// Ends a cursor: its pin, its copy, its share in the edition, and what only it kept.
  ///
  /// - Parameter left: windows that its pin covered lately and of which nobody was told.
  func detach(_ edition: Edition, _ pin: Pin, _ copy: HeldCopy?, after left: Range<Int> = 0..<0) {
    if isForked { return }
    var token = lock()
    suspect(left, of: edition)
    let windows = unsafe pin.pointee.windows(edition.grid)
    unsafe evictor.endSparing(of: edition, for: pin)
    let counts = unsafe edition.pins.release(pin)
    counters.hits += counts.hits
    counters.bypasses += counts.bypasses
    bypassClock.advance(by: counts.bypasses % BypassClock.group)
    suspect(windows, of: edition)
    var chores = Chores()
    if let copy { takeBack(copy, &chores) }
    cursors -= 1
    edition.unshare()
    unloadIfSuperseded(edition, &chores, &token)
    endOvershoot(&chores, &token)
    retireIfUnused(edition, &chores)
    perform(&chores, &token)
  }

  /// Ends a share in an edition that is no cursor's, taking the lock for it.
  func leave(_ edition: Edition) {
    var token = lock()
    leave(edition, &token)
  }

  /// Ends a share in an edition that is no cursor's.
  func leave(_ edition: Edition, _ token: inout LockToken) {
    edition.unshare()
    var chores = Chores()
    unloadIfSuperseded(edition, &chores, &token)
    retireIfUnused(edition, &chores)
    perform(&chores, &token)
  }

  // MARK: What nobody can come to

  /// Whether nobody can come to an edition any more but by a cursor that it has.
  private func isSuperseded(_ edition: Edition) -> Bool {
    !edition.isCurrent || registry[edition.file.identity] !== edition.file
  }

  /// Unloads what nobody can come to any more: the windows of an edition without cursors whose place another one took. Called with
  /// the lock, which is given up in between.
  func unloadIfSuperseded(
    _ edition: Edition, _ chores: inout Chores, _ token: inout LockToken
  ) {
    guard edition.cursors == 0, edition.regions > 0, isSuperseded(edition) else { return }
    drainLogs()
    _ = unloadUnused(residency.slots(of: edition), &chores, &token)
  }

  /// The same for all editions of a file.
  func unloadSuperseded(
    of file: TrackedFile, _ chores: inout Chores, _ token: inout LockToken
  ) {
    file.hold()
    for edition in file.older { unloadIfSuperseded(edition, &chores, &token) }
    if let current = file.current { unloadIfSuperseded(current, &chores, &token) }
    letGo(of: file, &chores)
  }

  /// Takes an edition without cursors and regions off the books, its extent with it, and the file with the last of them.
  func retireIfUnused(_ edition: Edition, _ chores: inout Chores) {
    guard edition.regions == 0, !edition.place.isInUse, !edition.isChangingPlace,
      edition.cursors == 0 || isShutDown
    else { return }
    dropExtent(edition, &chores)
    if edition.cursors == 0 && edition.links.isLinked {
      places.remove(edition)
      counters.faults += edition.poison.faults
      edition.file.remove(edition)
    }
    retireIfUnused(edition.file, &chores)
  }

  /// Gives up the handle of a file without editions, and the file.
  private func retireIfUnused(_ file: TrackedFile, _ chores: inout Chores) {
    guard file.isEmpty || isShutDown, !file.isHeld, !file.isChangingPlace,
      closeHandle(of: file, &chores), file.isEmpty
    else { return }
    registry.remove(file)
  }

  /// Ends a call for which a file had to stay.
  func letGo(of file: TrackedFile, _ chores: inout Chores) {
    file.letGo()
    retireIfUnused(file, &chores)
  }

  /// Gives up what this thread made for a file while another shut the manager down.
  func retireAfterShutdown(_ edition: Edition, _ token: inout LockToken) {
    guard isShutDown else { return }
    var chores = Chores()
    retireIfUnused(edition, &chores)
    perform(&chores, &token)
  }

  func dropExtent(_ edition: Edition, _ chores: inout Chores) {
    if let counts = pageTables.forget(edition) { chores.memory.append(counts) }
    guard let dropped = places.drop(edition) else { return }
    chores.extents.append(dropped)
    edition.history.forgetWhatWasTold()
  }
}
