import MapProtocols
import Synchronization

extension WindowCursor {
  /// Reads the bytes of `range` past their windows, if these are seldom asked for while the budget is full: one pread(2) into
  /// memory of the cursor's own, without a lock. See `BypassClock`.
  ///
  /// - Returns: whether the bytes are shown; otherwise the windows are to be loaded, and the old lease may have ended.
  /// - Throws: `.readFailed`, `.fileTruncated`, `.shutdown`, `.forked`.
  mutating func bypass(
    _ range: Range<Int64>, _ windows: ClosedRange<Int>
  ) throws(MapError) -> Bool {
    let repeats = repeats(of: windows)
    // A forked child has the numbers of the parent's descriptors, but perhaps not the files.
    guard range.count <= core.bypassLimit, state.mayBypass, !core.isForked,
      repeats < BypassClock.mostRepeats, state.isUnproven(windows, core, counts: repeats == 0)
    else { return false }
    // The old lease ends first; nothing stays pinned by a cursor that shows memory of its own.
    let left = held == nil ? state.leasedWindows : 0..<0
    if state.release() {
      core.leaseEnded(on: left, of: edition)
      // The fast path published a lease on these before it found that they are not loaded, and a scan may have seen it.
      core.leaseEnded(on: Range(windows), of: edition)
    }
    recycleCopy()
    let wanted = core.bytesToBypass(range, fileSize: fileSize)
    var copy = try readAtOnce(wanted, atLeastTo: range.upperBound)
    if copy == nil { copy = try readWithLock(wanted, atLeastTo: range.upperBound) }
    guard var copy else { return false }
    copy.repeats = repeats
    held = copy
    state.show(copy, offset: range.lowerBound, count: range.count)
    if unsafe state.pin.pointee.countBypass() % BypassClock.group == 0 {
      core.bypassClock.advance()
    }
    if state.isObserved { core.observeBypass(of: windows, edition) }
    return true
  }

  /// How often the cursor has passed by a window and by no other since.
  private func repeats(of windows: ClosedRange<Int>) -> Int {
    guard let held, held.isBypass, windows.count == 1,
      edition.grid.window(at: held.range.lowerBound) == windows.lowerBound
    else { return 0 }
    return held.repeats + 1
  }

  /// Reads into the cursor's memory without the lock; nil if there is too little, or no handle to be had so.
  private mutating func readAtOnce(
    _ wanted: Range<Int64>, atLeastTo end: Int64
  ) throws(MapError) -> HeldCopy? {
    guard var copy = spare, copy.byteCount >= wanted.count else { return nil }
    let handle = edition.file.gate.enter()
    // Without a handle the core is told by `readWithLock`.
    defer { if edition.file.gate.leave() && handle != nil { core.readerLeft(edition) } }
    guard let handle else { return nil }
    let buffer = unsafe UnsafeMutableRawBufferPointer(start: copy.chunk.start, count: wanted.count)
    let count = try unsafe core.primary.read(handle, at: wanted.lowerBound, into: buffer)
    copy.range = wanted.lowerBound..<wanted.lowerBound + Int64(count)
    if copy.range.upperBound < end { throw MapError(.fileTruncated) }
    spare = nil
    return copy
  }

  private mutating func readWithLock(
    _ wanted: Range<Int64>, atLeastTo end: Int64
  ) throws(MapError) -> HeldCopy? {
    let memory = spare
    spare = nil
    return try core.bypass(edition, wanted, atLeastTo: end, with: memory)
  }

  /// Gives the memory back that is kept for the next bypass.
  mutating func giveBackSpare() {
    guard let spare else { return }
    core.giveBack(spare)
    self.spare = nil
  }

  /// Keeps the memory of a bypass for the next one, and gives back what else was shown of private memory.
  mutating func recycleCopy() {
    guard let held else { return }
    let isShared = unsafe state.pin.pointee.sharesCopy.load(ordering: .relaxed) != 0
    if held.isBypass && !isShared && spare == nil {
      spare = held
    } else {
      core.giveBack(held)
      unsafe state.pin.pointee.sharesCopy.store(0, ordering: .relaxed)
    }
    self.held = nil
  }
}

extension CursorState {
  /// Counts a bypass of those of `windows` that are not loaded, if it is to count. Whether there are such, and none has proved itself.
  func isUnproven(_ windows: ClosedRange<Int>, _ core: MapCore, counts: Bool) -> Bool {
    var isUnproven = false
    for window in windows where unsafe self.windows.word(window).state == .absent {
      let count = unsafe self.windows.countBypass(
        window, epoch: core.bypassClock.epoch, by: counts ? 1 : 0)
      if count >= BypassClock.proof { return false }
      isUnproven = true
    }
    return isUnproven
  }

  /// Whether somebody observes accesses.
  var isObserved: Bool {
    unsafe control.pointee.load(ordering: .relaxed) & Control.observed != 0
  }

  /// Whether the core lets requests pass by windows.
  var mayBypass: Bool {
    let bits = unsafe control.pointee.load(ordering: .relaxed)
    return bits & (Control.bypass | Control.overshoot) == Control.bypass
  }
}

extension MapCore {
  /// What is read for a request: its bytes, or the pages that they lie in where they are fewer than a page.
  func bytesToBypass(_ range: Range<Int64>, fileSize: Int64) -> Range<Int64> {
    let page = Int64(pageSize)
    if range.count >= pageSize { return range }
    let start = range.lowerBound & -page
    return start..<min((range.upperBound + page - 1) & -page, fileSize)
  }
}
