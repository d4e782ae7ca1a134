import MapProtocols
import Synchronization

/// Reading few bytes past windows that are seldom asked for.
///
/// While the budget is full, each window that is loaded drives another one out, and pays only from about the eighth touch
/// on. So a request for few bytes of an absent window is counted, and the bytes are read into memory of the cursor's own;
/// the window is loaded when it was asked for eight times within an epoch: eight bypasses for each region that the budget
/// holds. A working set that fits proves itself within about an epoch; of one twice as large few windows do, of one four
/// times as large hardly any.
///
/// What one cursor reads in one window before it turns to another counts once: the last steps of a binary search are no sign that anybody
/// comes back. If there is no end to that, the window is loaded when the reads have cost about as much as its pages.
struct BypassClock: ~Copyable {
  /// Bypasses of a window within an epoch, this one included, from which on it is loaded.
  static let proof = 8
  /// After so many bypasses of one window by one cursor, one after the other, it is loaded.
  static let mostRepeats = 100
  /// Cursors tell of their bypasses in groups of so many, so that they don't all write to one place.
  static let group = 16

  private let total = Atomic(0)
  private let span = Atomic(proof * 8)
  private let current = Atomic<UInt8>(0)

  /// The number of the epoch; from 255 it goes on with 0.
  var epoch: UInt8 { current.load(ordering: .relaxed) }

  /// Fits the epoch's length to what the budget holds.
  func setRegions(_ count: Int) { span.store(Self.proof * max(count, 8), ordering: .relaxed) }

  /// Counts a group of bypasses, or what a cursor that ends has of one.
  func advance(by count: Int = group) {
    let (before, total) = total.wrappingAdd(count, ordering: .relaxed)
    let span = span.load(ordering: .relaxed)
    if total / span != before / span { current.wrappingAdd(1, ordering: .relaxed) }
  }
}

extension MapCore {
  /// Reads bytes of a window past it, as a cursor does that has no memory for them or finds the handle's gate closed; the
  /// gate is open then. O(1), beside opening the file where it has no handle.
  ///
  /// - Parameters:
  ///   - end: up to where bytes are asked for; a file that was cut short may have no more.
  ///   - memory: what the cursor has.
  /// - Returns: nil if there is no memory or no handle, so that the window must be loaded.
  /// - Throws: `.fileTruncated`, `.readFailed`, `.shutdown`, `.forked`.
  func bypass(
    _ edition: Edition, _ wanted: Range<Int64>, atLeastTo end: Int64, with memory: HeldCopy?
  ) throws(MapError) -> HeldCopy? {
    if isForked { throw MapError(.forked) }
    var token = lock()
    defer { retireAfterShutdown(edition, &token) }
    // Who finds the gate closed counted as a reader for a moment, for which somebody may wait.
    handlesMoved()
    var memory = memory
    if let small = memory, small.byteCount < wanted.count {
      giveUp(small, &token)
      memory = nil
    }
    do throws(MapError) {
      try checkUsable()
      if memory == nil && copies.keepsHalf(beside: wanted.count) && edition.backend === primary {
        memory = try takeMemory(for: wanted, isBypass: true, &token)
      }
      guard var copy = memory, edition.backend === primary else {
        if let memory { giveUp(memory, &token) }
        return nil
      }
      memory = copy
      copy.range = wanted
      if !hasHandle(edition, &token) {
        giveUp(copy, &token)
        return nil
      }
      try fill(&copy, of: edition, atLeastTo: end, &token)
      if edition.file.backend === primary, let handle = edition.file.handle {
        edition.file.gate.open(handle)
      }
      bypassClock.setRegions(ledger.usage.regions)
      return copy
    } catch {
      if let memory { giveUp(memory, &token) }
      throw error
    }
  }

  /// Whether a file has a handle, or could be opened again. Where it can't, its map may serve all the same: of a path that
  /// leads to another file by now, of a descriptor that was handed in, or where there are no handles left.
  private func hasHandle(_ edition: Edition, _ token: inout LockToken) -> Bool {
    do throws(MapError) {
      try ensureHandle(edition.file, &token)
      return true
    } catch {
      return false
    }
  }

  /// What a reader does that left a file's gate after it was closed: somebody may wait for the handle, or want it closed.
  func readerLeft(_ edition: Edition) {
    if isForked { return }
    var token = lock()
    wakeAll()
    retireAfterShutdown(edition, &token)
  }

  /// The most bytes that may pass by a window: whole pages, and no more than a sixteenth of it, so that windows below 16 pages
  /// are always loaded; and whole files are, too.
  static func bypassLimit(_ byteCount: Int, grid: WindowGrid, pageSize: Int) -> Int {
    if grid == .wholeFile { return 0 }
    return min(byteCount, Int(grid.windowSize / 16)) / pageSize * pageSize
  }

  /// Tells observers of a request that passed by windows: to them it is one for windows that are not loaded.
  func observeBypass(of windows: ClosedRange<Int>, _ edition: Edition) {
    if isForked { return }
    monitor.lock()
    defer { monitor.unlock() }
    drainLogs()
    for window in windows {
      let word = unsafe edition.windows.word(window)
      if word.state != .absent {
        recency.observePassing(word.slot, nil)
        continue
      }
      let byteCount = edition.charge(for: window, pageSize: pageSize)
      residency.withSlot(for: window, of: edition, byteCount: byteCount) { slot, info in
        recency.observePassing(slot, info)
      }
    }
  }

  /// Notes, before a victim is chosen for a window, that the budget is full. Called under the lock.
  func noteFull() {
    if bypassLimit > 0 { unsafe control.pointee.bitwiseOr(Control.bypass, ordering: .relaxed) }
  }

  /// Notes that an eighth of the budget is free, if it is. Called under the lock.
  func noteRoom() {
    if unsafe control.pointee.load(ordering: .relaxed) & Control.bypass == 0 { return }
    if !ledger.hasAmpleRoom { return }
    unsafe control.pointee.bitwiseAnd(~Control.bypass, ordering: .relaxed)
  }
}
