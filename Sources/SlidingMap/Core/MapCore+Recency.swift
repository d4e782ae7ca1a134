import MapProtocols

extension MapCore {
  /// The log of the calling thread. Called under the lock.
  func logForThisThread() -> AccessLog {
    let index = Int(Turn.threadOrdinal) % Self.logCount
    if let log = logs[index] { return log }
    let log = AccessLog()
    logs[index] = log
    return log
  }

  /// Whether hits go to the logs.
  var isLogging: Bool { hits == .ordered || !observers.isEmpty }

  /// Tells the policy and observers, in order, what was hit since the last time. Called under the lock before every decision
  /// of the policy's, so that in one thread it sees accesses exactly as they came.
  func drainLogs() {
    guard isLogging else { return }
    collectLogs()
    if drained.isEmpty { return }
    report(drained.span)
    if ledger.usage.maps > ledger.limits.maps / 2 {
      // Files leave whole when maps run short, so their order starts to matter.
      for slot in drained { if let file = regions[slot].file { filesByUse.touch(file) } }
    }
  }

  /// Empties the logs into `drained`.
  func collectLogs() {
    // Taken out of the class for the loop: each access to a stored property is checked for exclusivity.
    var slots = drained
    drained = []
    slots.removeAll(keepingCapacity: true)
    var dropped = 0
    for log in logs {
      guard let log else { continue }
      dropped += log.drain(into: &slots, regions.held)
    }
    drained = slots
    counters.droppedHits += dropped
  }

  /// Drains the logs if the lock is to be had at once. A reader does it at every half turn of its log.
  @usableFromInline
  func drainIfFree() {
    guard !isForked, monitor.tryLock() else { return }
    drainLogs()
    monitor.unlock()
  }

  /// Notes a hit under the lock, after the logs were drained.
  func noteHit(_ slot: RegionSlot) {
    counters.hits += 1
    report([slot].span)
  }

  /// Notes a miss under the lock, after the logs were drained.
  ///
  /// - Parameter isNew: false if it was noted when there was no room for the region, which has another slot now.
  func noteMiss(_ slot: RegionSlot, _ info: RegionInfo, isNew: Bool) {
    if isNew {
      counters.misses += 1
      policy.miss(info.key)
      for observer in observers { observer.miss(slot, info) }
    } else {
      for observer in observers { observer.expect(slot, info) }
    }
  }

  private func report(_ slots: Span<RegionSlot>) {
    if let limit = hits.limit {
      for index in slots.indices { references.mark(slots[index], limit: limit) }
    } else {
      policy.hit(slots)
    }
    for observer in observers { observer.hit(slots) }
  }

  /// Swaps the policy. Regions stay loaded, in the order in which the old policy would have let them go.
  func setPolicy(_ new: any EvictionPolicy) {
    if isForked { return }
    monitor.lock()
    defer { monitor.unlock() }
    drainLogs()
    let held = evictionOrder().map { (slot: $0, info: info(of: $0)) }
    for region in held { references.setCount(of: region.slot, to: 0) }
    policy = new
    pristinePolicy = new
    policy.setCapacity(ledger.capacity)
    policy.adopt(held)
    for observer in observers { observer.setPolicy(new) }
    // What readers still note the old way is skipped, or names regions that are loaded.
    publishReporting()
  }

  func info(of slot: RegionSlot) -> RegionInfo {
    let region = regions[slot]
    let key = RegionKey(file: region.file?.key ?? 0, window: region.window)
    return RegionInfo(
      key: key, byteCount: region.byteCount,
      reloadCost: region.file?.backend.properties.reloadCost ?? 0)
  }
}
