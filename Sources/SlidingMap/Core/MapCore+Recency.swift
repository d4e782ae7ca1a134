import MapProtocols

extension MapCore {
  /// Tells the policy and observers, in order, what was hit since the last time. Called under the lock before every decision
  /// of the policy's.
  func drainLogs() {
    guard recency.drain(residency) else { return }
    if hot.isWatching { recency.forEachDrained { hot.note($0) } }
    if ledger.hasAmpleMaps(beside: 0) { return }
    // Files leave whole when maps run short, so their order starts to matter.
    recency.forEachDrained { slot in
      if let edition = residency.edition(of: slot) { places.touch(edition) }
    }
  }

  /// Drains the logs, if the lock is to be had at once or a log is full. A reader does it at every half turn of its log.
  @usableFromInline
  func drain(_ log: AccessLog) {
    if isForked { return }
    if let token = LockToken(ifFree: self) {
      drain(token)
    } else if log.isFull {
      drain(lock())
    }
  }

  private func drain(_ token: consuming LockToken) {
    var token = token
    drainLogs()
    if !hot.hasProved { return }
    var chores = Chores()
    adviseHot(&chores)
    perform(&chores, &token)
  }

  /// Notes a hit under the lock, after the logs were drained.
  func noteHit(_ slot: RegionSlot) {
    counters.hits += 1
    recency.noteHit(slot)
  }

  /// Swaps the policy. Regions stay loaded, in the order in which the old policy would have let them go.
  func setPolicy(_ new: any EvictionPolicy) {
    if isForked { return }
    var succession = beginSuccession(by: new)
    while let slots = succession.undescribed {
      succession.describe(inTurn { slots.map { residency.info(of: RegionSlot($0)) } })
    }
    succession.adopt(inTurn { recency.takeJournal() })
    for _ in 0..<Succession.mostJournals {
      let journal = inTurn {
        drainLogs()
        return recency.takeJournal()
      }
      succession.catchUp(journal)
      if Succession.length(of: journal) <= Succession.few { break }
    }
    inTurn {
      drainLogs()
      succession.catchUp(recency.takeJournal())
      recency.end(succession, residency)
      // What readers still note the old way is skipped, or names regions that are loaded.
      publishReporting()
      wakeAll()
    }
  }

  private func beginSuccession(by new: any EvictionPolicy) -> Succession {
    var token = LockToken(inTurn: self)
    while recency.isSucceeded { token.wait() }
    drainLogs()
    return recency.beginSuccession(by: new, ledger.capacity, residency)
  }
}
