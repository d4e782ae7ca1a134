import CMapShims
import MapProtocols

/// Pages brought in for tasks of windows that load when touched.
extension MapCore {
  /// Has the pages of a range brought in that load when touched. Called with the lock, which is given up meanwhile.
  func touch(
    _ edition: Edition, _ range: Range<Int64>, _ chores: inout Chores, _ token: inout LockToken
  ) {
    // The file may have been found cut short since, and its extent be another.
    let bytes = range.clamped(to: 0..<edition.size)
    if bytes.isEmpty { return }
    let windows = edition.grid.windows(of: bytes)
    guard let extent = edition.place(of: windows.lowerBound) else { return }
    if edition.isInSpans {
      let word = unsafe edition.windows.word(windows.lowerBound)
      guard windows.count == 1, word.state == .resident || word.state == .candidate else { return }
    }
    let lease = edition.isInSpans ? lease(on: windows, of: edition) : nil
    let start = bytes.lowerBound / Int64(pageSize) * Int64(pageSize)
    let region = ExtentRange(
      extent: extent, offset: start, byteCount: Int(bytes.upperBound - start))
    let ticket = LoadTicket()
    chores.await(ticket)
    // Neither the extent nor the handle goes meanwhile.
    beginUse(of: edition)
    loads.start()
    let load = RegionLoad(region: region, handle: handle(for: edition))
    let backend = edition.backend
    let cancellation = token.unlocked {
      backend.submit([load]) { [self] ended in
        touchEnded(edition, extent, start..<bytes.upperBound, lease, ticket, ended.first?.error)
      }
    }
    let unwanted = loads.noteSubmission(
      of: [ticket], by: backend, cancellation, isUnwanted: isShutDown)
    if let unwanted { chores.cancellations.append(unwanted) }
  }

  /// Enters the end of a load that brought pages in which load when touched. Called by providers, on any thread, without the lock.
  private func touchEnded(
    _ edition: Edition, _ extent: Extent, _ bytes: Range<Int64>, _ lease: TouchLease?,
    _ ticket: LoadTicket, _ error: MapError?
  ) {
    _ = smap_completion_depth(1)
    defer { _ = smap_completion_depth(-1) }
    var token = lock()
    var chores = Chores()
    let wasGivenUp = error?.code == .cancelled && ticket.isCancelled
    loads.end(ticket, wasGivenUp ? nil : error, wasGivenUp: wasGivenUp)
    perform(&chores, &token)
    noteContent(of: edition, bytes)
    if let lease {
      end(lease, of: edition, &chores, &token)
    } else {
      // Nothing pins the windows: what was brought in of those that left meanwhile is in no budget.
      let surplus = absentBytes(of: edition, bytes).map {
        ExtentRange(extent: extent, offset: $0.lowerBound, byteCount: $0.count)
      }
      trim(surplus, &token)
    }
    endUse(of: edition)
    wakeAll()
    retireIfUnused(edition, &chores)
    perform(&chores, &token)
    endLoads(1)
  }

  /// What keeps a span while its pages are being brought in, as a cursor's lease would.
  @safe
  private struct TouchLease: @unchecked Sendable {
    let pin: Pin
    let windows: Range<Int>
  }

  /// A lease on windows that are loaded. Published with the lock, it comes before any mark that is to be proved.
  private func lease(on windows: ClosedRange<Int>, of edition: Edition) -> TouchLease {
    for window in windows {
      let word = unsafe edition.windows.word(window)
      if word.state == .candidate { unmark(word.slot) }
    }
    let pin = unsafe edition.pins.allocate()
    unsafe pin.pointee.publish(
      start: edition.grid.start(of: windows.lowerBound), count: windows.count)
    return unsafe TouchLease(pin: pin, windows: Range(windows))
  }

  private func end(
    _ lease: TouchLease, of edition: Edition, _ chores: inout Chores, _ token: inout LockToken
  ) {
    _ = unsafe edition.pins.release(lease.pin)
    suspect(lease.windows, of: edition)
    unloadIfSuperseded(edition, &chores, &token)
    endOvershoot(&chores, &token)
  }

  /// The parts of a range whose windows are not loaded, or on their way out: the call that empties one may be over.
  private func absentBytes(of edition: Edition, _ range: Range<Int64>) -> [Range<Int64>] {
    let absent = edition.grid.windows(of: range).filter { window in
      let state = unsafe edition.windows.word(window).state
      return state == .absent || state == .leaving
    }
    let bytes = absent.map { window in
      edition.grid.bytes(of: window, fileSize: range.upperBound).clamped(to: range)
    }
    return bytes.runs()
  }
}
