import MapProtocols

/// Windows with addresses of their own, of files that find none for their whole length: on 32 bits, under RLIMIT_AS, in a budget of
/// addresses.
///
/// Such a window is a kernel map that comes with it and goes with it. For the policy it is a region like any other. A request across
/// windows finds its bytes side by side only in a copy.
extension MapCore {
  // Everything here is called with the lock.

  /// Whether an edition could do without an extent: with windows smaller than the file, each by itself, and maps to spare for them.
  func canSpan(_ edition: Edition) -> Bool {
    let backend = edition.file.backend
    return backend.mapsSpans && edition.grid.count(fileSize: edition.size) > 1
      && ledger.hasAmpleMaps(beside: backend.mapsPerExtent)
  }

  /// What whole files leave of the addresses, so that the budget's bytes find some in spans.
  func kept(forSpans limits: BudgetLimits) -> Int {
    limits.addresses == .max ? 0 : min(limits.bytes, limits.addresses / 2)
  }

  /// Puts an edition that found no extent into spans, if that can be.
  func spread(_ edition: Edition) -> Bool {
    if edition.size == 0 || !canSpan(edition) || !edition.makeSpanTable() { return false }
    places.spread(edition, of: edition.file.backend)
    return true
  }

  /// Whether an edition has an extent so much larger than its windows that spans should have the addresses, which lately were refused.
  func maySpread(_ edition: Edition) -> Bool {
    guard let extent = edition.extent, edition.isCurrent, places.areSpansRefused() else {
      return false
    }
    let loaded = edition.regions.multipliedReportingOverflow(
      by: Int(clamping: edition.grid.windowSize))
    return !loaded.overflow && extent.byteCount / 2 > loaded.partialValue && canSpan(edition)
      && mayGiveUpExtent(of: edition)
  }

  /// Puts an edition that has an extent into spans, if it still may, and nobody uses its windows. The lock is given up meanwhile.
  func spreadAnew(_ edition: Edition, _ token: inout LockToken) -> Bool {
    guard maySpread(edition), giveUpExtent(of: edition, &token), edition.extent == nil,
      !edition.isInSpans, !edition.isChangingPlace, edition.regions == 0, edition.links.isLinked
    else { return false }
    return spread(edition)
  }

  /// Whether by now there are addresses for an edition in spans as a whole, as far as the budget knows; asked anew once in a while.
  func mayGather(_ edition: Edition) -> Bool {
    let limits = ledger.limits
    guard edition.isInSpans, edition.regions > 0,
      edition.reserved <= limits.addresses - kept(forSpans: limits) - ledger.usage.addresses
    else { return false }
    return places.mayGather(isKnown: limits.addresses != .max) && !isSeenInUse(edition)
  }

  /// Unloads the windows of an edition in spans, all or, where one is in use, none: only without windows it may get an extent. The lock is
  /// given up meanwhile.
  func gather(_ edition: Edition, _ token: inout LockToken) {
    guard edition.isInSpans, !isSeenInUse(edition) else { return }
    var chores = Chores()
    _ = unloadAll(of: edition, &chores, &token)
    perform(&chores, &token)
  }

  /// The same for one that another backend serves, once in a while: only without windows may it go back to the first.
  func gatherForReturn(_ edition: Edition, _ token: inout LockToken) {
    let file = edition.file
    guard edition.isInSpans, edition.regions > 0, edition.isCurrent, !file.isUnmappable,
      file.canReopen, !places.isShortOfHandles(), places.mayGather(isKnown: true)
    else { return }
    gather(edition, &token)
  }

  /// Gives a window addresses of its own, and counts them and its kernel maps until the region is. The lock is given up meanwhile.
  ///
  /// - Throws: `.addressSpaceExhausted`, `.notMappable`, `.handlesExhausted`.
  func makeSpan(
    of window: Int, _ edition: Edition, _ chores: inout Chores, _ token: inout LockToken
  ) throws(MapError) {
    guard let spans = edition.spans else { preconditionFailure("in spans without a table") }
    ledger.chargeExtent(maps: edition.mapsPerWindow, addresses: edition.addressesPerWindow)
    do throws(MapError) {
      // What left for it gives its addresses back first.
      if let error = perform(&chores, &token) { throw error }
      while ledger.exceedsAddresses, dropExtent(otherThan: edition, &token) {}
      let extent = try makeSpan(spans.range(of: window), of: edition, &token)
      if spans.enter(extent, of: window) { return }
      // Its address is that of no pointer to the file's first byte.
      chores.spans.append((extent, edition.backend))
      throw MapError(.addressSpaceExhausted)
    } catch {
      creditSpan(of: edition)
      throw error
    }
  }

  /// Counts a span no longer by itself: it is a region's, or gone.
  func creditSpan(of edition: Edition) {
    ledger.creditExtent(maps: edition.mapsPerWindow, addresses: edition.addressesPerWindow)
  }

  /// Has files give their addresses up whose windows have left, until there are enough for a demand. The lock is given up meanwhile.
  func dropEmptyExtents(for demand: Ledger.Demand, _ token: inout LockToken) {
    while !ledger.hasAddresses(for: demand), places.mayHaveEmptyExtents {
      if !dropExtent(otherThan: nil, ifEmpty: true, &token) { places.noteNoEmptyExtents() }
    }
  }

  /// Asks the backend for a span, and where the system has no addresses, for that of a whole file.
  private func makeSpan(
    _ span: Range<Int64>, of edition: Edition, _ token: inout LockToken
  ) throws(MapError) -> Extent {
    let backend = edition.backend
    let advice = advice(for: edition)
    while true {
      guard let handle = handle(for: edition) else { throw MapError(.handlesExhausted) }
      do throws(MapError) {
        return try askForAddresses(&token) { () throws(MapError) in
          try backend.makeSpan(handle, span, advice, edition.poison)
        }
      } catch {
        if error.code != .addressSpaceExhausted { throw error }
        if dropExtent(otherThan: edition, &token) { continue }
        places.noteRefusedSpan()
        throw error
      }
    }
  }
}
