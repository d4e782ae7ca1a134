import MapProtocols

/// What the manager demands of a policy's and a provider's answers. To go on with a wrong one would mean to ask for ever, or to
/// give up what is not there.
extension MapCore {
  /// Checks that the policy may name a region.
  func checkNamed(_ slot: RegionSlot) {
    if !regions.isHeld(slot) { refuse("names region \(slot.rawValue), which it does not hold") }
  }

  /// Checks that the batch to be judged with a victim begins with it.
  func checkBatch(after victim: RegionSlot) {
    if batch.first != victim { refuse("takes its victim back while it tells what comes next") }
    for slot in batch { checkNamed(slot) }
  }

  /// Checks that a policy which names no region holds none.
  func checkNamesNone() {
    if ledger.usage.regions > 0 { refuse("names none of the \(ledger.usage.regions) regions that it holds") }
  }

  /// Checks that a round comes to an end: a policy may name pinned regions again before it comes to another, but not for ever.
  ///
  /// - Parameter repeats: how many times it named, one after the other, regions that it was told are pinned.
  func checkRepeats(_ repeats: Int) {
    // Twice what `PolicyConformance` grants a whole round, and readers may set marks meanwhile.
    if repeats > 8 * ledger.usage.regions + 1024 { refuse("names the same pinned regions for ever") }
  }

  /// All regions, the first to go first. O(n).
  func evictionOrder() -> [RegionSlot] {
    let order = policy.evictionOrder()
    var seen = [Bool](repeating: false, count: regions.capacity)
    for slot in order {
      checkNamed(slot)
      if seen[slot.index] { refuse("has region \(slot.rawValue) in its order twice") }
      seen[slot.index] = true
    }
    if order.count != ledger.usage.regions {
      refuse("has \(order.count) regions in its order, but holds \(ledger.usage.regions)")
    }
    return order
  }

  /// Checks that an extent reaches to the end of the file that it is for.
  func checkExtent(_ extent: Extent, of backend: Backend, for size: Int64) {
    if extent.byteCount < size {
      fatalError(
        "the backend \"\(backend.properties.name)\" gives \(extent.byteCount) bytes of addresses"
          + " for a file of \(size)")
    }
  }

  /// A precondition whose message release builds show, too.
  private func refuse(_ fault: String) -> Never {
    fatalError("the eviction policy \"\(policy.name)\" \(fault)")
  }
}
