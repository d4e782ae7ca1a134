public import MapProtocols

extension WindowCursor {
  /// Makes `count` bytes at `offset` readable through `bytes`, or as many as the file has from there.
  ///
  /// Exactly min(`count`, `fileSize` − `offset`) bytes, contiguous whatever windows they cross. The old lease ends first,
  /// so a failed `use` leaves the cursor invalid and nothing pinned. A count of 0 before the end succeeds and needs no
  /// window.
  ///
  /// O(1) inside the lease and for one loaded window, without a lock; else O(windows), plus an eviction for each window
  /// that must be unloaded (madvise(2), MADV_DONTNEED).
  ///
  /// - Parameters:
  ///   - offset: in bytes from the start of the file.
  ///   - count: in bytes; at most what the budget holds if that is hard.
  /// - Returns: false if `offset` is at or past the end of the file; the cursor is invalid then.
  /// - Precondition: `offset` and `count` are not negative.
  /// - Throws: `.budgetExhausted`, `.fileChanged`, `.fileTruncated`, `.addressSpaceExhausted`, `.handlesExhausted`,
  ///   `.readFailed`, `.shutDown`, `.forked`.
  @inlinable
  @inline(__always)
  @discardableResult
  public mutating func use(at offset: Int64, count: Int) throws(MapError) -> Bool {
    // Negative offsets and counts are huge unsigned ones, fail both comparisons, and meet the precondition in `move`.
    if _fastPath(state.showLeased(UInt64(bitPattern: offset), count)) { return true }
    if state.moveWithinOneWindow(UInt64(bitPattern: offset), count) { return true }
    return try move(to: offset, count: count)
  }

  /// Makes the bytes from `offset` to the end of its window readable; with a static manager, to the end of the file.
  ///
  /// Otherwise as `use(at:count:)`.
  @discardableResult
  public mutating func use(at offset: Int64) throws(MapError) -> Bool {
    precondition(offset >= 0, "the offset must not be negative")
    let window = state.grid.window(at: offset)
    let end = state.grid.bytes(of: window, fileSize: state.fileSize).upperBound
    return try use(at: offset, count: Int(max(end - offset, 0)))
  }

  /// Calls `body` with the bytes that `use(at:count:)` would show; none if `offset` is at or past the end.
  ///
  /// - Throws: what `use` throws, and what `body` throws.
  @inlinable
  public mutating func withBytes<R>(
    at offset: Int64, count: Int, _ body: (RawSpan) throws -> R
  ) throws -> R {
    try use(at: offset, count: count)
    return try body(bytes)
  }

  /// The general case: past the end, nothing, several windows, windows that are not loaded.
  @usableFromInline
  @inline(never)
  mutating func move(to offset: Int64, count: Int) throws(MapError) -> Bool {
    precondition(offset >= 0, "the offset must not be negative")
    precondition(count >= 0, "the count must not be negative")
    let fileSize = state.fileSize
    let count = Int(min(Int64(count), max(fileSize - offset, 0)))
    guard count > 0 else {
      release()
      if offset >= fileSize { return false }
      unsafe state.viewAddress = state.base + Int(offset)
      return true
    }
    let range = offset..<offset + Int64(count)
    let windows = state.grid.windows(of: range)
    let previous = held?.range
    let shown = self.range
    do throws(MapError) {
      if try bypass(range, windows) { return true }
    } catch {
      release()
      throw error.about(source, range: range)
    }
    // The old lease ends before room is made for the new one.
    let left = held == nil ? state.leasedWindows : 0..<0
    recycleCopy()
    do throws(MapError) {
      if !state.pinResident(windows, core) {
        // Nor is memory kept that would take room from the windows, or from a copy.
        giveBackSpare()
        var log = try acquire(windows, after: left, range, after: shown)
        if log == nil {
          // Nothing stays pinned by a cursor that reads a copy.
          if state.release() { core.settle(file, after: Range(windows)) }
          if let copy = try core.readCopy(file, range, after: previous) {
            held = copy
            state.show(copy, offset: offset, count: count)
            return true
          }
          _ = state.pinResident(windows, core)
          log = try core.acquire(
            file, windows, after: left, range, after: shown, mayOvershoot: true)
        }
        guard let log else { throw MapError(.budgetExhausted) }
        state.log = log
      }
    } catch {
      release()
      throw error.about(source, range: range)
    }
    state.settle(windows, file, offset: offset, count: count)
    return true
  }

  /// Makes windows resident that the pin covers. A file that changed since its copies were read is followed, where nobody uses
  /// them; the pin must be gone for that, and is published anew.
  ///
  /// - Returns: nil if the bytes must be read without a window.
  private func acquire(
    _ windows: ClosedRange<Int>, after left: Range<Int>, _ range: Range<Int64>,
    after shown: Range<Int64>
  ) throws(MapError) -> AccessLog? {
    var changes = 0
    while true {
      do throws(MapError) {
        return try core.acquire(file, windows, after: left, range, after: shown)
      } catch {
        changes += 1
        if error.code != .fileChanged { throw error }
        if changes > MapCore.changesFollowed { return nil }
        unsafe state.pin.pointee.store(0)
        // Whoever lets go of the lease tells which windows that frees.
        defer {
          unsafe state.pin.pointee.publish(
            start: state.grid.start(of: windows.lowerBound), count: windows.count)
        }
        if try core.follow(file, source, after: error) == .past { return nil }
      }
    }
  }
}
