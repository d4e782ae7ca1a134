public import MapProtocols

extension WindowCursor {
  /// Makes `count` bytes at `offset` readable through `bytes`, or as many as the file has from there.
  ///
  /// Exactly min(`count`, `fileSize` − `offset`) bytes, contiguous whatever windows they cross. The old lease ends first,
  /// so a failed `use` leaves the cursor invalid and nothing pinned. A count of 0 before the end succeeds and needs no
  /// window.
  ///
  /// Where bytes of the old lease were missing, a `use` outside it says so instead, once; see `check()`.
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
  ///   `.readFailed`, `.shutdown`, `.forked`.
  @inlinable
  @inline(__always)
  @discardableResult
  public mutating func use(at offset: Int64, count: Int) throws(MapError) -> Bool {
    // Negative offsets and counts are huge unsigned ones, fail both comparisons, and meet the precondition in `move`.
    if _fastPath(state.showLeased(UInt64(bitPattern: offset), count)) { return true }
    if state.moveWithinOneWindow(UInt64(bitPattern: offset), count) { return true }
    return try move(to: offset, count: count)
  }

  /// The same for who asks `checkShown` after each use: nobody needs to be told of the old lease.
  @discardableResult
  mutating func useChecked(at offset: Int64, count: Int) throws(MapError) -> Bool {
    if state.showLeased(UInt64(bitPattern: offset), count) { return true }
    if state.moveWithinOneWindow(UInt64(bitPattern: offset), count) { return true }
    return try moveChecked(to: offset, count: count)
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

  /// Calls `body` with the bytes that `use(at:count:)` would show; none if `offset` is at or past the end. Afterwards looks whether they
  /// were all there: see `check()`.
  ///
  /// - Throws: what `use` throws; `.fileTruncated` or `.readFailed` where bytes were missing, whatever `body` made of them.
  @inlinable
  public mutating func withBytes<R>(
    at offset: Int64, count: Int, _ body: (RawSpan) throws(MapError) -> R
  ) throws(MapError) -> R {
    try use(at: offset, count: count)
    return try lendChecked(body)
  }

  /// Calls a `body` that throws errors of its own with the bytes that `use(at:count:)` would show; none if `offset` is at or past the
  /// end. Afterwards looks whether they were all there: see `check()`.
  ///
  /// - Throws: what `use` throws; `.fileTruncated` or `.readFailed` where bytes were missing; else what `body` throws.
  @inlinable
  @_disfavoredOverload
  public mutating func withBytes<R>(
    at offset: Int64, count: Int, _ body: (RawSpan) throws -> R
  ) throws -> R {
    try use(at: offset, count: count)
    return try lendChecked(throwing: body)
  }

  /// The general case: past the end, nothing, several windows, windows that are not loaded.
  @usableFromInline
  @inline(never)
  mutating func move(to offset: Int64, count: Int) throws(MapError) -> Bool {
    precondition(offset >= 0, "the offset must not be negative")
    precondition(count >= 0, "the count must not be negative")
    if !Turn.isPlanted("untold zeros") { try check() }
    return try moveChecked(to: offset, count: count)
  }

  /// The same once nothing is left to be told of the old lease.
  private mutating func moveChecked(to offset: Int64, count: Int) throws(MapError) -> Bool {
    edition.prefetch()
    let fileSize = state.fileSize
    let count = Int(min(Int64(count), max(fileSize - offset, 0)))
    guard count > 0 else {
      endLease()
      if offset >= fileSize { return false }
      unsafe state.viewAddress = state.base + Int(offset)
      return true
    }
    let range = offset..<offset + Int64(count)
    let windows = state.grid.windows(of: range)
    let previous = held?.range
    let shown = self.range
    do throws(MapError) {
      if range.upperBound <= edition.servedEnd, try bypass(range, windows) { return true }
    } catch {
      endLease()
      throw error.of(range).about(source)
    }
    // The old lease ends before room is made for the new one.
    let left = held == nil ? state.leasedWindows : 0..<0
    recycleCopy()
    do throws(MapError) {
      if !pinIfLoaded(range, windows) {
        // Nor is memory kept that would take room from the windows, or from a copy.
        giveBackSpare()
        var log = try acquire(windows, after: left, range, after: shown)
        if log == nil {
          if try readCopy(of: range, windows, after: previous) { return true }
          state.publishLease(on: windows)
          log = try acquire(windows, after: left, range, after: shown, mayOvershoot: true)
          if log == nil, try readCopy(of: range, windows, after: previous, isLast: true) {
            return true
          }
        }
        guard let log else { throw MapError(.budgetExhausted) }
        state.log = log
      }
    } catch {
      endLease()
      throw error.of(range).about(source)
    }
    state.adoptLease(on: windows, edition, offset: offset, count: count)
    return true
  }

  /// Reads bytes into memory of the cursor's own, for which nothing stays pinned; false where a window must be had.
  private mutating func readCopy(
    of range: Range<Int64>, _ windows: ClosedRange<Int>, after previous: Range<Int64>?,
    isLast: Bool = false
  ) throws(MapError) -> Bool {
    if state.release() { core.leaseEnded(on: Range(windows), of: edition) }
    guard let copy = try core.readCopy(edition, range, after: previous, isLast: isLast) else {
      return false
    }
    held = copy
    state.show(copy, offset: range.lowerBound, count: range.count)
    return true
  }

  /// Pins the windows of a range. True if all are loaded, so that the lease holds; else the core goes on from there.
  private mutating func pinIfLoaded(_ range: Range<Int64>, _ windows: ClosedRange<Int>) -> Bool {
    // What lies past the end of an edition that is shorter than the cursor knows has no words to look at; nor do spans lie side by side.
    if range.upperBound > edition.servedEnd || windows.count > 1 && edition.isScattered {
      state.publishLease(on: windows)
      return false
    }
    // Of copies end and version stay as they are from when the pin holds.
    return state.pinResident(windows, core)
      && (range.upperBound <= edition.servedEnd || Turn.isPlanted("unwatched end"))
      && (windows.count == 1 || edition.mayJoin && !edition.isScattered)
      && (!edition.isMissing(range) || Turn.isPlanted("forgotten zeros"))
  }

  /// Makes windows resident that the pin covers. Where the edition can bring in nothing any more the cursor moves to the file's present
  /// one; where the file was found changed, it is looked at again, for which nothing may stay pinned.
  ///
  /// - Returns: nil if the bytes must be read without a window.
  private mutating func acquire(
    _ windows: ClosedRange<Int>, after left: Range<Int>, _ range: Range<Int64>,
    after shown: Range<Int64>, mayOvershoot: Bool = false
  ) throws(MapError) -> AccessLog? {
    var (changes, moves, waits) = (0, 0, 0)
    while true {
      do throws(MapError) {
        let acquired = try core.acquire(
          edition, windows, after: left, range, after: shown, mayOvershoot: mayOvershoot)
        switch acquired {
        case .windows(let log): return log
        case .past: return nil
        case .superseded:
          moves += 1
          if moves > MapCore.changesFollowed { return nil }
          go(on: try core.move(from: edition, source, size: state.fileSize), windows)
        }
      } catch {
        if !core.mayFollow(error, from: edition, range) { throw error }
        changes += 1
        if changes > 1 && error.code == .fileTruncated { throw error }
        if changes > MapCore.changesFollowed && !core.waitsToSettle(edition, range, &waits) {
          return nil
        }
        unsafe state.pin.pointee.store(0)
        // Whoever lets go of the lease tells which windows that frees.
        defer { state.publishLease(on: windows) }
        let moved = try core.follow(edition, source, size: state.fileSize)
        if let moved { go(on: moved, windows) }
      }
    }
  }

  /// Goes on in another edition, with a lease there on the same windows.
  private mutating func go(on attachment: MapCore.Attachment, _ windows: ClosedRange<Int>) {
    let old = unsafe (edition: edition, pin: state.pin)
    edition = attachment.edition
    state = CursorState(core: core, attachment: attachment)
    state.publishLease(on: windows)
    // The pin may have let go of them for a look at the file.
    unsafe core.detach(old.edition, old.pin, nil, after: Range(windows))
  }
}
