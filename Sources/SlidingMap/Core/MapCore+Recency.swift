import MapProtocols

extension MapCore {
  /// Tells the policy and observers, in order, what was hit since the last time. Called under the lock before every decision
  /// of the policy's.
  func drainLogs() {
    guard recency.drain(residency), ledger.usage.maps > ledger.limits.maps / 2 else { return }
    // Files leave whole when maps run short, so their order starts to matter.
    recency.forEachDrained { slot in
      if let edition = residency.edition(of: slot) { places.touch(edition) }
    }
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
    recency.noteHit(slot)
  }

  /// Swaps the policy. Regions stay loaded, in the order in which the old policy would have let them go.
  func setPolicy(_ new: any EvictionPolicy) {
    if isForked { return }
    locked {
      drainLogs()
      recency.setPolicy(new, ledger.capacity, residency, regions: ledger.usage.regions)
      // What readers still note the old way is skipped, or names regions that are loaded.
      publishReporting()
    }
  }
}
