import MapProtocols

/// Kernel maps and addresses, where the budget has too few of them: who gives some back.
extension MapCore {
  /// Takes one step towards kernel maps and addresses for a demand that fits otherwise.
  ///
  /// - Returns: false if nothing is left to be done, so that they are overshot.
  /// - Throws: `.budgetExhausted` where that is not worth it, as nobody waits for the window.
  func makePlaces(
    for demand: Ledger.Demand, _ chores: inout Chores, _ token: inout LockToken
  ) throws(MapError) -> Bool {
    // What is told apart as hot has kernel maps of its own, and stays where it is without.
    if ledger.hasAddresses(for: demand) && coolDown(&chores) { return true }
    if try givePlacesBack(&chores, &token) { return true }
    if fits(demand) { return true }
    if chores.isAsynchronous && !demand.isNone { throw MapError(.budgetExhausted) }
    return false
  }

  /// Unloads what gives kernel maps or addresses back: the window with some of its own that the policy lets go first, or the file of which
  /// it lets all windows go before that. Called with the lock, which is given up in between. O(regions) where few go next that have any; of
  /// what was found in use only that is looked at again of which a lease has ended.
  ///
  /// - Returns: false if there is none.
  func givePlacesBack(
    _ chores: inout Chores, _ token: inout LockToken
  ) throws(MapError) -> Bool {
    // Where no window has any, whole files go when others want their place.
    guard ledger.canGiveMapsBack,
      let named = recency.victim(residency, regions: ledger.usage.regions)
    else { return false }
    if let suspects = evictor.takePlaceSuspects() {
      if suspects.isEmpty { return false }
      let isAny = try givePlacesBack(suspects, areAll: false, &chores, &token)
      // Others of them may go as well.
      if isAny { evictor.suspect(suspects) }
      return isAny
    }
    var order = [named]
    recency.appendUpcoming(
      min(ledger.usage.regions / 8, Self.provedTogether), to: &order, residency)
    if try givePlacesBack(order, areAll: true, &chores, &token) { return true }
    return try givePlacesBack(
      recency.evictionOrder(residency), areAll: true, &chores, &token)
  }

  /// How many are looked at together.
  private static let provedTogether = 63

  /// The same of some regions, the first to go first.
  ///
  /// - Parameter areAll: whether a file goes only where all of its windows are among them, and so before others.
  private func givePlacesBack(
    _ order: [RegionSlot], areAll: Bool, _ chores: inout Chores, _ token: inout LockToken
  ) throws(MapError) -> Bool {
    var passed: [ObjectIdentifier: Int] = [:]
    var scattered: [RegionSlot] = []
    for slot in order where residency.isHeld(slot) {
      guard let edition = residency.edition(of: slot) else { continue }
      if edition.mapsPerWindow > 0 {
        scattered.append(slot)
        if scattered.count < Self.provedTogether { continue }
      } else {
        passed[ObjectIdentifier(edition), default: 0] += 1
        if areAll && passed[ObjectIdentifier(edition)] != edition.regions { continue }
      }
      if leaveFirst(of: scattered, &chores, &token) { return true }
      scattered = []
      if edition.mapsPerWindow > 0 || !mayGiveUpExtent(of: edition) { continue }
      // What is to be told of it, or leaves it, would keep it.
      if let error = perform(&chores, &token) { throw error }
      if mayGiveUpExtent(of: edition) && giveUpExtent(of: edition, &token) { return true }
    }
    return leaveFirst(of: scattered, &chores, &token)
  }

  /// Claims the first of some windows for unloading that nobody uses and that has kernel maps of its own; false if there is none.
  private func leaveFirst(
    of slots: [RegionSlot], _ chores: inout Chores, _ token: inout LockToken
  ) -> Bool {
    if slots.isEmpty { return false }
    func isVictim(_ slot: RegionSlot) -> Bool {
      // Slots may be other regions' by now.
      residency.isHeld(slot) && proofs.isUnused(slot)
        && residency.edition(of: slot)?.mapsPerWindow ?? 0 > 0
    }
    if !slots.contains(where: isVictim) { prove(slots, &token) }
    guard let victim = slots.first(where: isVictim) else { return false }
    let isNamed = recency.victim(residency, regions: ledger.usage.regions) == victim
    leave(victim, evicted: isNamed, &chores)
    return true
  }
}
