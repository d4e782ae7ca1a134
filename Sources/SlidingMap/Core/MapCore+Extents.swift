import MapProtocols
import Synchronization

extension MapCore {
  // Everything here is called with the lock, which is given up during system calls.

  /// Sees to it that an edition has addresses, unless it is empty, or windows that lie in spans.
  ///
  /// - Parameters:
  ///   - mayOvershoot: whether a budget of maps and addresses may be overshot.
  ///   - maySpread: whether the edition goes without rather than others, where its windows could lie in spans.
  /// - Throws: `.addressSpaceExhausted`, `.notMappable`, `.fileChanged`, and what opening throws.
  private func ensureExtent(
    _ edition: Edition, mayOvershoot: Bool, maySpread: Bool, _ token: inout LockToken
  ) throws(MapError) {
    while edition.isChangingPlace { try waitForPlace(&token) }
    if edition.extent != nil || edition.size == 0 { return }
    if edition.isInSpans && edition.regions > 0 { return }
    places.beginChange(of: edition)
    defer {
      places.endChange(of: edition)
      wakeAll()
    }
    try ensureHandle(edition.file, &token)
    while edition.extent == nil {
      let byteCount = try makeRoomForExtent(
        of: edition, mayOvershoot, maySpread: maySpread, &token)
      // Emptied by others meanwhile.
      if edition.size == 0 { return }
      try makeExtent(of: edition, byteCount, maySpread: maySpread, &token)
    }
  }

  /// Waits until another thread may have changed an extent. Who shuts the manager down may wait for this thread.
  func waitForPlace(_ token: inout LockToken) throws(MapError) {
    try checkUsable()
    token.wait()
  }

  /// Asks the backend for an extent; without one, as the backend has no addresses, or fewer than the file needs by now, others have
  /// given theirs up, and it is to be asked again.
  private func makeExtent(
    of edition: Edition, _ byteCount: Int, maySpread: Bool, _ token: inout LockToken
  ) throws(MapError) {
    let backend = edition.file.backend
    guard let handle = edition.file.handle else { throw MapError(.handlesExhausted) }
    places.ask(backend, for: byteCount, of: edition)
    let size = edition.size
    let (maps, alignment) = (backend.mapsPerExtent, alignment(for: edition))
    let isPastRefusal = places.refuses(maps: maps, addresses: byteCount, holding: ledger.usage)
    ledger.chargeExtent(maps: maps, addresses: byteCount)
    do throws(MapError) {
      let extent = try askForAddresses(&token) { () throws(MapError) in
        try backend.makeExtent(
          handle, fileSize: size, byteCount: byteCount, alignment: alignment, edition.poison)
      }
      ledger.creditExtent(maps: 0, addresses: byteCount - extent.byteCount)
      if edition.size > extent.byteCount && !Turn.isPlanted("outgrown extent") {
        // The provider gave less room than the file needs by now.
        places.refuse(edition)
        var chores = Chores()
        chores.extents.append((extent, backend))
        perform(&chores, &token)
        return
      }
      places.have(extent, of: edition)
      places.noteEmptyExtent()
    } catch {
      places.refuse(edition)
      ledger.creditExtent(maps: maps, addresses: byteCount)
      if error.code != .addressSpaceExhausted { throw error }
      refreshLimits(&token)
      // What was asked for in spite of a refusal does not prolong it.
      if !isPastRefusal { places.stepBack(from: byteCount, holding: ledger.usage) }
      if !dropExtent(otherThan: edition, ifEmpty: maySpread && canSpan(edition), &token) {
        throw error
      }
    }
  }

  /// Asks a backend for addresses, without the lock.
  func askForAddresses(
    _ token: inout LockToken, _ ask: () throws(MapError) -> Extent
  ) throws(MapError) -> Extent {
    try token.unlocked(ask)
  }

  /// The same as `ensureExtent`, but an edition that finds no addresses as a whole goes into spans; or goes without where its bytes can be
  /// read into the reserve. And a file that can't be mapped goes over to the takeover.
  ///
  /// - Parameters:
  ///   - source: what the cursor was made for that needs it.
  ///   - mayOvershoot: whether there is no other way left, so that a budget may be overshot, and others go for it.
  func ensureExtentIfPossible(
    _ edition: Edition, from source: FileSource? = nil, mayOvershoot: Bool = false,
    _ token: inout LockToken
  ) throws(MapError) {
    do throws(MapError) {
      try ensureExtent(
        edition, mayOvershoot: mayOvershoot || takeover == nil, maySpread: !mayOvershoot, &token)
    } catch {
      if error.code == .addressSpaceExhausted && spread(edition) { return }
      guard let takeover else { throw error }
      switch error.code {
      case .addressSpaceExhausted: return
      case .notMappable: try handOver(edition, to: takeover, from: source, error, &token)
      default: throw error
      }
    }
  }

  /// Gives extents up until another one's fits the budget.
  ///
  /// - Returns: the bytes its extent may have; without room for growth if the budget has none.
  /// - Throws: `.addressSpaceExhausted` if it does not fit and may not overshoot.
  private func makeRoomForExtent(
    of edition: Edition, _ mayOvershoot: Bool, maySpread: Bool, _ token: inout LockToken
  ) throws(MapError) -> Int {
    let maps = edition.file.backend.mapsPerExtent
    var areLimitsFresh = false
    while true {
      // Each time anew: the file may have grown while the lock was given up.
      let limits = places.limits(ledger.limits)
      let mayGoWithout = maySpread && canSpan(edition)
      if mayGoWithout && (places.isShortOfAddresses() || places.areSpansRefused()) {
        throw MapError(.addressSpaceExhausted)
      }
      let most = limits.addresses - (mayGoWithout ? kept(forSpans: limits) : 0)
      let byteCount = extentSize(of: edition, most)
      let usage = ledger.usage
      let fitsMaps = usage.maps + maps <= limits.maps
      if fitsMaps && usage.addresses <= most - byteCount { return byteCount }
      if !areLimitsFresh {
        refreshLimits(&token)
        areLimitsFresh = true
        continue
      }
      areLimitsFresh = false
      let mostMaps = limits.maps - maps
      if usage.maps > mostMaps {
        if coolDown(&token) { continue }
        // A few windows go before a whole file does.
        if evict(forPlaces: true, &token, while: { ledger.usage.maps > mostMaps }) { continue }
      }
      // Nothing is given up for a file that would not fit alone.
      let isHopeless = byteCount > most || maps > limits.maps
      let mayOvershoot = mayOvershoot && !mayGoWithout
      if isHopeless && !mayOvershoot
        || !dropExtent(otherThan: edition, ifEmpty: mayGoWithout && fitsMaps, &token)
      {
        // Where there is no other way left the system is asked also for what it refused just now. But sums of what no system grants
        // would overflow.
        let isCountable = !ledger.usage.addresses.addingReportingOverflow(byteCount).overflow
        if mayOvershoot && isCountable {
          return extentSize(of: edition, places.limits(ledger.limits).addresses)
        }
        throw MapError(.addressSpaceExhausted)
      }
    }
  }

  private func extentSize(of edition: Edition, _ most: Int) -> Int {
    if edition.reserved <= most { return edition.reserved }
    let mask = Int64(pageSize - 1)
    return Int((edition.size + mask) & ~mask)
  }

  /// What an extent's base must be a multiple of; see `MappingProvider.map`.
  private func alignment(for edition: Edition) -> Int {
    let hugePage = 2 << 20
    if edition.grid.count(fileSize: Int64(edition.reserved)) <= 1 {
      return edition.size >= hugePage ? hugePage : 1
    }
    return 1 << min(edition.grid.windowSize.trailingZeroBitCount, hugePage.trailingZeroBitCount)
  }

  /// Gives up the least recently used extent that nobody reads at this moment, its windows with it.
  ///
  /// - Parameter ifEmpty: whether only one that has no windows may go.
  /// - Returns: false if there is none.
  func dropExtent(
    otherThan spared: Edition?, ifEmpty: Bool = false, _ token: inout LockToken
  ) -> Bool {
    var tried = 0
    let count = places.editionCount
    while tried < count, let edition = places.firstEdition {
      tried += 1
      if edition !== spared && (!ifEmpty || edition.regions == 0) && mayGiveUpExtent(of: edition) {
        if giveUpExtent(of: edition, &token) { return true }
      } else {
        places.touch(edition)
      }
    }
    return false
  }

  /// Whether an edition could do without its extent, as far as can be seen.
  func mayGiveUpExtent(of edition: Edition) -> Bool {
    edition.extent != nil && !edition.isChangingPlace
      && (edition.cursors == 0 || edition.file.canReopen || edition.file.handle != nil)
      && !isSeenInUse(edition)
  }

  /// Gives an edition's extent up, its windows with it, if nobody uses one.
  ///
  /// - Returns: whether it is gone.
  func giveUpExtent(of edition: Edition, _ token: inout LockToken) -> Bool {
    var chores = Chores()
    // Held, so that nobody retires it or maps it anew while the lock is given up.
    places.beginChange(of: edition)
    var isEmpty = false
    if canDoWithoutExtent(edition, &token) {
      isEmpty = unloadAll(of: edition, &chores, &token)
      if isEmpty { dropExtent(edition, &chores) }
    }
    places.endChange(of: edition)
    places.touch(edition)
    retireIfUnused(edition, &chores)
    perform(&chores, &token)
    wakeAll()
    return isEmpty
  }

  /// Whether a lease on a loaded window is seen without a barrier. If not, there may be one all the same.
  func isSeenInUse(_ edition: Edition) -> Bool {
    var isInUse = false
    unsafe edition.pins.forEachLease(from: 0, through: Int64(edition.reserved)) { pin in
      if isInUse { return }
      let windows = unsafe pin.pointee.windows(edition.grid).clamped(to: 0..<edition.windowCount)
      isInUse = windows.contains { unsafe edition.windows.word($0).state != .absent }
    }
    return isInUse
  }

  /// Unloads all windows of an edition whose extent is being changed, or none if one of them is in use. Called with the lock, which
  /// is given up in between.
  ///
  /// - Returns: whether the extent can go at once. Where nobody has a cursor it goes with the last window that another thread
  ///   is unloading.
  func unloadAll(
    of edition: Edition, _ chores: inout Chores, _ token: inout LockToken
  ) -> Bool {
    let before = residency.slots(of: edition)
    let unmarked = before.filter { !proofs.isMarked($0) }
    if !before.isEmpty { prove(before, &token) }
    let slots = residency.slots(of: edition)
    let held = slots.filter { residency.isHeld($0) }
    // What another thread is unloading or emptying keeps the extent.
    let isAll = held.count == slots.count
    let isUnused =
      !edition.place.isInUse && (isAll || edition.cursors == 0)
      && held.allSatisfy { proofs.isUnused($0) }
    if isUnused {
      for slot in held { leave(slot, evicted: false, &chores) }
    } else {
      for slot in unmarked where residency.edition(of: slot) === edition && residency.isHeld(slot) {
        unmark(slot)
      }
    }
    return isUnused && isAll
  }

  /// Whether an edition stays readable without its extent. One with cursors needs a handle; only where the budget or the system
  /// has none to give must its path serve.
  private func canDoWithoutExtent(_ edition: Edition, _ token: inout LockToken) -> Bool {
    if edition.cursors == 0 || edition.file.handle != nil { return true }
    do throws(MapError) {
      // Not waiting: others may wait for the files that this thread is changing.
      try ensureHandle(edition.file, mayWait: false, &token)
      return true
    } catch {
      return error.code == .handlesExhausted && edition.file.canReopen
    }
  }

  // MARK: Calls under way

  /// Begins a call for which an edition's extent and the handle must stay.
  func beginUse(of edition: Edition) {
    places.beginExtentUse(of: edition)
    places.beginHandleUse(of: edition.file)
  }

  func endUse(of edition: Edition) {
    places.endExtentUse(of: edition)
    places.endHandleUse(of: edition.file)
  }

  /// Ends a call for which an edition's extent had to stay.
  func leaveExtent(of edition: Edition, _ chores: inout Chores) {
    places.endExtentUse(of: edition)
    retireIfUnused(edition, &chores)
  }
}
