import MapProtocols

/// From the first backend to the one that takes over, and back.
extension MapCore {
  /// Has the takeover serve a file that the first backend has open and can't map, for good. Called with the lock, which is given up during
  /// system calls.
  ///
  /// - Parameters:
  ///   - source: what leads to the file, which may be a descriptor.
  ///   - refusal: why it can't be mapped.
  /// - Throws: the refusal, where the takeover can't open the file; what waiting for another thread throws.
  func handOver(
    _ edition: Edition, to takeover: Backend, from source: FileSource?, _ refusal: MapError,
    _ token: inout LockToken
  ) throws(MapError) {
    let file = edition.file
    while edition.isChangingPlace { try waitForPlace(&token) }
    // Others have handed it over, or mapped it after all.
    if file.isUnmappable || edition.extent != nil || edition.regions > 0 { return }
    places.beginChange(of: edition)
    let opened: OpenedFile
    do throws(MapError) {
      opened = try open(file, as: edition.status, by: takeover, from: source, refusal, &token)
    } catch {
      places.endChange(of: edition)
      wakeAll()
      throw error
    }
    while file.isHandleInUse() { waitForHandles(&token) }
    places.endChange(of: edition)
    file.noteUnmappable()
    wakeAll()
    swapHandle(of: file, for: opened.handle, of: takeover, &token)
  }

  /// Gives a file a handle of another backend, and closes the one that it has, which nobody uses; the two count as one.
  private func swapHandle(
    of file: TrackedFile, for handle: Handle, of backend: Backend, _ token: inout LockToken
  ) {
    let former = places.giveUpHandle(of: file)
    places.take(handle, of: backend, file)
    if let former { close(former.handle, of: former.owner, &token) }
    handlesMoved()
  }

  /// Closes a handle that no file has and the budget does not count.
  func close(_ handle: Handle, of owner: Backend, _ token: inout LockToken) {
    token.unlocked { owner.provider.close(handle) }
  }

  /// Opens a file once more, by another backend. The handle is to take the place of the one that it has, in the budget, too.
  ///
  /// - Throws: `refusal` where what the sources lead to can't be opened by it, `.fileChanged` where it has changed.
  private func open(
    _ file: TrackedFile, as known: FileStatus, by backend: Backend, from source: FileSource?,
    _ refusal: MapError, _ token: inout LockToken
  ) throws(MapError) -> OpenedFile {
    var failure: MapError?
    for source in (source.map { [$0] } ?? []) + file.sources {
      do throws(MapError) {
        guard let opened = try open(source, backend, for: nil, mayWait: false, &token) else {
          preconditionFailure("nobody else gets it a handle")
        }
        if opened.status.isSame(as: known) { return opened }
        close(opened.handle, of: backend, &token)
        failure = MapError(.fileChanged, source: source)
      } catch {
        if error.code == .handlesExhausted { throw error }
        if !error.isAboutSource { throw refusal }
      }
    }
    throw failure ?? refusal
  }

  /// Takes a file that the takeover serves back to the first backend, if that can serve it by now. Loaded windows stay where
  /// they are, and readers read on. Called with the lock, which is given up during system calls; no load of this edition may
  /// be waiting in the caller's chores.
  ///
  /// While the pressure lasts it costs, once in a millisecond, one open(2) that fails before it looks at the path.
  func returnToPrimary(_ edition: Edition, _ token: inout LockToken) {
    let file = edition.file
    guard edition.isCurrent, edition.backend !== primary, !file.isUnmappable, file.canReopen,
      !file.place.isInUse,
      !edition.place.isInUse, !edition.isChangingPlace, !edition.isInSpans || edition.regions == 0,
      file.handle != nil || ledger.hasRoomForHandle, !places.isShortOfHandles()
    else { return }
    // No window is claimed from here on.
    let extent = edition.extent
    places.beginChange(of: edition)
    let known = edition.status
    let isHeld = file.handle != nil
    // The new handle takes the old one's place in the budget, too.
    if !isHeld { ledger.chargeHandle() }
    let sources = file.sources
    let found: (file: OpenedFile, extent: Extent?)
    do throws(MapError) {
      found = try token.unlocked { () throws(MapError) in
        let opened = try primary.open(firstOf: sources, known)
        do throws(MapError) {
          let map = try extent.map { old throws(MapError) in
            try primary.makeExtent(
              opened.handle, fileSize: known.size, replacing: old, edition.poison)
          }
          return (opened, map)
        } catch {
          primary.provider.close(opened.handle)
          throw error
        }
      }
    } catch {
      places.endChange(of: edition)
      wakeAll()
      if !isHeld { ledger.creditHandles() }
      handlesMoved()
      if error.code == .handlesExhausted { places.noteShortageOfHandles() }
      if error.code == .notMappable { file.noteUnmappable() }
      return
    }
    // Copies are being read through the old handle; or through one of the first backend's that another thread gave the file
    // meanwhile, which readers without the lock may have found, too.
    while file.isHandleInUse() { waitForHandles(&token) }
    // With that the change is over: others may begin the next one as soon as the lock is given up.
    putBack(edition, found, extent)
    wakeAll()
    counters.returnsToPrimary += 1
    // One that another thread gave the file meanwhile was counted by that one.
    var isCountedTwice = !isHeld
    if edition.isCurrent {
      isCountedTwice = isCountedTwice && file.handle != nil
      swapHandle(of: file, for: found.file.handle, of: primary, &token)
    } else {
      // Another edition has taken its place meanwhile, which goes on with the old handle.
      close(found.file.handle, of: primary, &token)
      handlesMoved()
    }
    if isCountedTwice { ledger.creditHandles() }
  }

  /// Makes the first backend's map an edition's extent, in the place of copies.
  private func putBack(
    _ edition: Edition, _ found: (file: OpenedFile, extent: Extent?), _ extent: Extent?
  ) {
    if let extent {
      let regions = residency.slots(of: edition).count { residency.isHeld($0) }
      ledger.creditRegionMaps(regions * edition.mapsPerWindow)
      ledger.creditExtent(
        maps: edition.backend.mapsPerExtent, addresses: extent.byteCount)
      ledger.chargeExtent(
        maps: primary.mapsPerExtent, addresses: found.extent?.byteCount ?? 0)
      edition.history.forgetWhatWasTold()
      forgetHotWindows(of: edition)
    }
    places.replace(by: found.extent, of: primary, edition)
  }
}

extension Backend {
  /// Opens the first of the sources that leads to the known file, as it is known.
  ///
  /// - Throws: `.fileChanged` where none does; what opening throws.
  fileprivate func open(
    firstOf sources: [FileSource], _ known: FileStatus
  ) throws(MapError) -> OpenedFile {
    for source in sources {
      do throws(MapError) {
        let opened = try provider.open(source)
        if opened.status.isSame(as: known) { return opened }
        provider.close(opened.handle)
      } catch {
        if !error.isAboutSource { throw error }
      }
    }
    throw MapError(.fileChanged)
  }
}
