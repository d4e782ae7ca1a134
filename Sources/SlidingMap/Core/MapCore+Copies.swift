import MapProtocols

/// Bytes read into memory of the reserve, for who gets no window.
extension MapCore {
  /// How often a file that the takeover serves is read without a window before it gets windows there: a window pays from
  /// about the eighth touch.
  private static let copiesBeforeWindows = 8
  /// How far ahead a reader is served that reads on from where it was, in bytes.
  private static let mostReadAhead = 256 << 10

  /// Whether a request for a file that has no extent is better read into private memory than through a window. Half of the
  /// reserve is kept for requests that have no choice.
  func prefersCopy(_ edition: Edition, _ byteCount: Int) -> Bool {
    guard edition.backend !== primary, edition.file.copies < Self.copiesBeforeWindows else {
      return false
    }
    return copies.keepsHalf(beside: byteCount)
  }

  /// Reads bytes into memory of the reserve, for a request that finds no window. A system call for the bytes, and one or two
  /// for a handle where there is none.
  ///
  /// - Parameters:
  ///   - previous: what the cursor read last this way. A reader that goes on from there gets more each time.
  ///   - isLast: whether a window was asked for in vain since the reserve had no room, so that the system is asked for memory.
  /// - Returns: nil where the reserve has no room, but there may be a window.
  /// - Throws: `.budgetExhausted` where it may not, `.fileTruncated`, `.readFailed`, and what opening throws.
  func readCopy(
    _ edition: Edition, _ wanted: Range<Int64>, after previous: Range<Int64>?, isLast: Bool = false
  ) throws(MapError) -> HeldCopy? {
    if isForked { throw MapError(.forked) }
    var token = lock()
    do throws(MapError) {
      try checkUsable()
      var ahead = 0
      if let previous, previous.lowerBound...previous.upperBound ~= wanted.lowerBound {
        ahead = min(2 * previous.count, Self.mostReadAhead)
      }
      var taken = try takeCopy(of: edition, wanted, ahead, &token)
      if taken == nil && ahead > 0 { taken = try takeCopy(of: edition, wanted, 0, &token) }
      if taken == nil && isLast { taken = try takeLoneCopy(of: edition, wanted, &token) }
      guard var copy = taken else {
        // Where windows are copies as well, there is no other way; but side by side those in spans are only in memory of the cursor's own.
        if ledger.limits.isHard || primary.isCopying, !edition.isInSpans {
          throw MapError(.budgetExhausted)
        }
        gather(edition, &token)
        return nil
      }
      do throws(MapError) {
        try fill(&copy, of: edition, atLeastTo: wanted.upperBound, &token)
      } catch {
        giveUp(copy, &token)
        // A backend that reads windows alone has no way to a second version.
        if error.code == .unsupported { throw MapError(.fileChanged) }
        throw error
      }
      edition.file.noteCopy()
      counters.copies += 1
      if takeover != nil { counters.takeovers += 1 }
      // Shut down meanwhile: the handle was in use then.
      retireAfterShutdown(edition, &token)
      return copy
    } catch {
      retireAfterShutdown(edition, &token)
      throw error
    }
  }

  /// Sees to it that memory may be taken of the reserve, also where no takeover needs one: for bytes of files that change while copies
  /// of them are used, and for those across spans. It takes addresses alone until somebody reads into it. Called with the lock, which is
  /// given up meanwhile; others may close or empty what there was by then.
  private func openReserve(_ token: inout LockToken) {
    var sizes = Self.reservedForChanges[...]
    while true {
      if copies.isEmptying {
        token.wait()
        continue
      }
      guard !copies.isOpen, !isShutDown, let most = sizes.first else { return }
      let byteCount = min(ledger.limits.bytes, most) / pageSize * pageSize
      if byteCount == 0 { return }
      guard let memory = askForMemory(byteCount, &token) else {
        sizes.removeFirst()
        continue
      }
      guard let surplus = isShutDown ? memory : copies.open(memory) else { continue }
      var chores = Chores()
      chores.memory.append(surplus)
      perform(&chores, &token)
    }
  }

  /// Asks the system for memory, without the lock; nil where it has none.
  private func askForMemory(_ byteCount: Int, _ token: inout LockToken) -> AnonymousMemory? {
    token.unlocked { try? AnonymousMemory(byteCount: byteCount) }
  }

  /// How much that is, and where there are no addresses for it.
  private static let reservedForChanges = [mostForChanges, 8 << 20]
  static let mostForChanges = 64 << 20

  /// Memory for the bytes of `wanted` and up to `ahead` bytes from its start, in whole pages; nil if there is no room.
  private func takeCopy(
    of edition: Edition, _ wanted: Range<Int64>, _ ahead: Int, _ token: inout LockToken
  ) throws(MapError) -> HeldCopy? {
    let page = Int64(pageSize)
    let start = wanted.lowerBound / page * page
    // The rest of the last page comes for nothing.
    let reach = (max(wanted.upperBound, start + Int64(ahead)) + page - 1) / page * page
    let end = max(wanted.upperBound, min(reach, edition.size))
    return try takeMemory(for: start..<end, &token)
  }

  /// Memory for the bytes of `wanted` alone, across spans: a copy is the only way to have them side by side.
  ///
  /// - Throws: `.budgetExhausted` for what a takeover's reserve has no room for and that lies in one window, or in no spans, and where the
  ///   budget has no room; `.addressSpaceExhausted`.
  private func takeLoneCopy(
    of edition: Edition, _ wanted: Range<Int64>, _ token: inout LockToken
  ) throws(MapError) -> HeldCopy? {
    if !edition.isInSpans || edition.grid.windows(of: wanted).count == 1 {
      // Without a takeover it comes to this for want of a window's addresses.
      throw MapError(takeover == nil ? .addressSpaceExhausted : .budgetExhausted)
    }
    let page = Int64(pageSize)
    let start = wanted.lowerBound / page * page
    guard let byteCount = SystemPage.rounded(Int(wanted.upperBound - start)) else {
      throw MapError(.addressSpaceExhausted)
    }
    // Like all copies within the budget, however soft that is.
    if byteCount > ledger.limits.bytes { throw MapError(.budgetExhausted) }
    // Addresses alone, until it is filled.
    guard let memory = askForMemory(byteCount, &token) else {
      throw MapError(.addressSpaceExhausted)
    }
    drainLogs()
    var chores = Chores()
    defer { perform(&chores, &token) }
    do throws(MapError) {
      try checkUsable()
      try makeRoom(for: Ledger.Demand(bytes: byteCount, regions: 0, isHard: true), &chores, &token)
    } catch {
      chores.memory.append(memory)
      throw error
    }
    let chunk = copies.take(memory)
    ledger.chargeBytes(byteCount)
    return HeldCopy(chunk: chunk, range: start..<wanted.upperBound, byteCount: byteCount)
  }

  /// Memory of the reserve, charged to the budget; nil if there is no room in one or the other.
  func takeMemory(
    for range: Range<Int64>, isBypass: Bool = false, _ token: inout LockToken
  ) throws(MapError) -> HeldCopy? {
    let byteCount = (range.count + pageSize - 1) / pageSize * pageSize
    if isBypass { while copies.isEmptying { token.wait() } } else { openReserve(&token) }
    try checkUsable()
    guard let chunk = copies.take(byteCount) else { return nil }
    drainLogs()
    var chores = Chores()
    defer { perform(&chores, &token) }
    do throws(MapError) {
      try makeRoom(for: Ledger.Demand(bytes: byteCount, regions: 0, isHard: true), &chores, &token)
    } catch {
      _ = copies.giveBack(chunk)
      closeCopies(&chores)
      if error.code == .budgetExhausted { return nil }
      throw error
    }
    ledger.chargeBytes(byteCount)
    return HeldCopy(chunk: chunk, range: range, byteCount: byteCount, isBypass: isBypass)
  }

  func fill(
    _ copy: inout HeldCopy, of edition: Edition, atLeastTo end: Int64, _ token: inout LockToken
  ) throws(MapError) {
    let file = edition.file
    var chores = Chores()
    file.hold()
    defer {
      letGo(of: file, &chores)
      perform(&chores, &token)
    }
    try ensureHandle(file, &token)
    try checkUsable()
    guard let handle = file.handle else { throw MapError(.handlesExhausted) }
    places.touchHandle(of: file)
    let backend = file.backend
    let start = copy.range.lowerBound
    let buffer = unsafe UnsafeMutableRawBufferPointer(
      start: copy.chunk.start, count: copy.range.count)
    places.beginHandleUse(of: file)
    defer {
      places.endHandleUse(of: file)
      wakeAll()
    }
    let expectation = changes == .oneVersion ? Expectation(of: edition, handle, changes) : nil
    let count = try token.unlocked { () throws(MapError) in
      let count = try unsafe backend.read(handle, at: start, into: buffer)
      if expectation?.isMet(backend.provider) == false { throw MapError(.fileChanged) }
      return count
    }
    // What lies behind is left from whoever had the memory before.
    copy.range = start..<start + Int64(count)
    if copy.range.upperBound < end { throw MapError(.fileTruncated) }
  }

  /// Ends a cursor's hold on a copy.
  func giveBack(_ copy: HeldCopy) {
    if isForked { return }
    var token = lock()
    giveUp(copy, &token)
  }

  /// Ends a hold on a copy. Called with the lock, which may be given up meanwhile.
  func giveUp(_ copy: HeldCopy, _ token: inout LockToken) {
    var chores = Chores()
    takeBack(copy, &chores)
    perform(&chores, &token)
  }

  func takeBack(_ copy: HeldCopy, _ chores: inout Chores) {
    guard copies.giveBack(copy.chunk) else { return }
    ledger.creditBytes(copy.byteCount)
    if let lone = copy.chunk.lone { chores.memory.append(lone.memory) }
    closeCopies(&chores)
  }

  /// Gives the memory for copies back once nobody can want it any more.
  func closeCopies(_ chores: inout Chores) {
    if let memory = copies.close(isShutDown: isShutDown) { chores.memory.append(memory) }
  }
}
