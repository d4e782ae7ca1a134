import MapProtocols

/// Something that learns of every access, as the policy in force does and in the same order: shadow policies, recordings.
///
/// Called under the core's lock. While there is one, hits go to the logs also for policies that only count them, and leave
/// their marks when the logs are drained, which comes before every decision of the policy's.
protocol AccessObserver: AnyObject {
  /// What is loaded when observation begins, the first to go first, and the policy in force, as it was before it held
  /// anything.
  func begin(_ regions: [(slot: RegionSlot, info: RegionInfo)], _ policy: any EvictionPolicy)
  /// A region that was asked for before will be loaded into `slot`: observation had not begun, or there was no room for it.
  func expect(_ slot: RegionSlot, _ region: RegionInfo)
  /// A region was asked for and is not loaded; `slot` will be its own.
  func miss(_ slot: RegionSlot, _ region: RegionInfo)
  /// Loaded regions were used, in this order.
  func hit(_ slots: Span<RegionSlot>)
  /// Another policy, which holds nothing yet, goes on with the same regions.
  func setPolicy(_ policy: any EvictionPolicy)
  /// The budget's limits have changed.
  func setCapacity(_ capacity: PolicyCapacity)
  /// There will be no more; called without the lock, perhaps more than once and by several threads, each of which returns
  /// when all is over.
  func end()
}

extension AccessObserver {
  func setPolicy(_ policy: any EvictionPolicy) {}
  func setCapacity(_ capacity: PolicyCapacity) {}
  func end() {}
}

extension MapCore {
  /// - Throws: `.shutdown`, `.forked`.
  func checkRunning() throws(MapError) {
    if isForked { throw MapError(.forked) }
    monitor.lock()
    defer { monitor.unlock() }
    try checkUsable()
  }

  /// Whether a file is read through this manager.
  func knows(_ file: FileIdentity) -> Bool {
    monitor.lock()
    defer { monitor.unlock() }
    return registry[file] != nil
  }

  /// How much a policy may count on at present.
  ///
  /// - Throws: `.shutdown`, `.forked`.
  func capacityNow() throws(MapError) -> PolicyCapacity {
    try checkRunning()
    monitor.lock()
    defer { monitor.unlock() }
    return ledger.capacity
  }

  /// Adds an observer, which first learns of what is loaded.
  func observe(by observer: some AccessObserver) throws(MapError) {
    if isForked { throw MapError(.forked) }
    monitor.lock()
    defer { monitor.unlock() }
    try checkUsable()
    recency.observe(
      by: observer, ledger.capacity, residency)
    publishReporting()
  }

  /// Tells an observer what was used until now, and then no more.
  func endObservation(by observer: some AccessObserver) {
    if isForked { return }
    stopTelling(observer)
    end([observer])
  }

  /// Ends all observation, as part of the shutdown. Nothing is under way any more when it returns, whoever ended it.
  func endObservations() {
    end(stopTellingAll())
  }

  private func stopTelling(_ observer: some AccessObserver) {
    monitor.lock()
    defer { monitor.unlock() }
    drainLogs()
    if recency.beginEnding(observer) { publishReporting() }
  }

  private func stopTellingAll() -> [any AccessObserver] {
    monitor.lock()
    defer { monitor.unlock() }
    drainLogs()
    publishReporting()
    return recency.beginEndingAll()
  }

  private func end(_ ending: [any AccessObserver]) {
    // Where another thread does so already, this waits for it.
    for observer in ending { observer.end() }
    monitor.lock()
    defer { monitor.unlock() }
    recency.ended(ending)
  }
}
