import MapProtocols

/// Emptying windows ahead of their turn.
///
/// To empty a window every processor that runs the process must forget where its pages were, which costs more than all else
/// about a miss. That is to be had once for several windows, but a miss needs room for one. So with the victim those are
/// emptied that a scan has proved unused and the policy is about to name. In the books they stay loaded: a hit finds their
/// mark, takes it back under the lock, and the bytes come back by being touched, as for any window of such a backend. If they
/// are named first, they leave without a call.
extension MapCore {
  /// A region that is emptied ahead in the call of that number.
  struct Emptied {
    let slot: RegionSlot
    /// Keeps its extent until the call is over, whatever becomes of the region.
    let edition: Edition
    let call: Int
  }

  /// How many windows leave the processors' tables at a time. Beyond, misses get hardly cheaper on average, and the one that
  /// pays gets slower: some 4 µs for each window of 1 MiB.
  private static let together = 8
  /// How many bytes, as far as one call reaches: what is emptied makes a miss wait.
  private static let bytesTogether = 128 << 20

  /// Chooses what is to be emptied in one call with `unloads`. Called with the lock; the ranges must be taken before it is
  /// given up.
  func emptyAhead(beside unloads: [RegionSlot]) -> [Emptied] {
    guard primary.emptiesAhead,
      unloads.contains(where: { residency.edition(of: $0)?.backend === primary })
    else { return [] }
    var emptied: [Emptied] = []
    var byteCount = unloads.reduce(0) { $0 + residency.byteCount(of: $1) }
    let call = residency.beginEmptying()
    while emptied.count + unloads.count < Self.together, let slot = evictor.nextInBatch() {
      guard residency.isHeld(slot), proofs.isUnused(slot), residency.isPresent(slot),
        let edition = residency.edition(of: slot), edition.backend === primary, !edition.isInSpans
      else { continue }
      byteCount += residency.byteCount(of: slot)
      if byteCount > Self.bytesTogether { break }
      residency.empty(slot, call: call)
      places.beginExtentUse(of: edition)
      emptied.append(Emptied(slot: slot, edition: edition, call: call))
    }
    return emptied
  }

  /// Notes what was emptied and not wanted meanwhile. Called with the lock.
  func finishEmptying(_ emptied: [Emptied], _ chores: inout Chores) {
    for region in emptied {
      residency.endEmptying(region.slot, call: region.call)
      leaveExtent(of: region.edition, &chores)
    }
  }

  /// Notes that pages of a range were brought in without a use of its windows, some of which may have been emptied meanwhile.
  func noteContent(of edition: Edition, _ range: Range<Int64>) {
    for window in edition.grid.windows(of: range) {
      let word = unsafe edition.windows.word(window)
      if word.state == .candidate { residency.noteTouch(word.slot) }
    }
  }
}
