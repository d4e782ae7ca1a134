import MapProtocols
import Synchronization

extension MapCore {
  // Everything here is called with the lock, which is given up during system calls.

  /// Sees to it that the file has addresses, unless it is empty.
  ///
  /// - Throws: `.addressSpaceExhausted`, `.notMappable`, `.fileChanged`, and what opening throws.
  func ensureExtent(_ file: FileEntry, mayOvershoot: Bool, _ token: inout LockToken)
    throws(MapError)
  {
    while file.isChangingExtent { token.wait() }
    if file.extent != nil || file.size == 0 { return }
    file.isChangingExtent = true
    defer {
      file.isChangingExtent = false
      monitor.broadcast()
    }
    try ensureHandle(file, &token)
    guard let handle = file.handle else { return }
    let backend = file.backend
    let alignment = alignment(for: file)
    while true {
      let byteCount = try makeRoomForExtent(of: file, mayOvershoot, &token)
      // Emptied by others meanwhile.
      if file.size == 0 { return }
      // From here on the file does not outgrow what is asked for.
      file.making = Turn.isPlanted("outgrown extent") ? nil : byteCount
      defer { file.making = nil }
      // Whoever knew a longer file may come to what lies behind this one's end.
      let size = file.longest
      ledger.chargeExtent(maps: backend.properties.mapsPerExtent, addresses: byteCount)
      do throws(MapError) {
        let extent = try token.unlocked { () throws(MapError) in
          try backend.provider.makeExtent(
            handle, fileSize: size, byteCount: byteCount, alignment: alignment)
        }
        checkExtent(extent, of: backend, for: size)
        ledger.creditExtent(maps: 0, addresses: byteCount - extent.byteCount)
        if file.longest > extent.byteCount && !Turn.isPlanted("outgrown extent") {
          // The provider gave less room than the file needs by now.
          var chores = Chores()
          chores.extents.append((extent, backend))
          perform(&chores, &token)
          continue
        }
        file.extent = extent
        // Published by the release of the first word that will say resident.
        unsafe file.base.store(
          UInt(bitPattern: extent.base), ordering: .relaxed)
        return
      } catch {
        ledger.creditExtent(maps: backend.properties.mapsPerExtent, addresses: byteCount)
        if error.code != .addressSpaceExhausted { throw error }
        refreshLimits(&token)
        stepBack(from: byteCount)
        if !dropFile(otherThan: file, &token) { throw error }
      }
    }
  }

  /// The same, but a file that finds no addresses goes without where its bytes can be read into the reserve.
  func ensureExtentIfPossible(
    _ file: FileEntry, mayOvershoot: Bool = false, _ token: inout LockToken
  ) throws(MapError) {
    do throws(MapError) {
      try ensureExtent(file, mayOvershoot: mayOvershoot || takeover == nil, &token)
    } catch {
      if error.code != .addressSpaceExhausted || takeover == nil { throw error }
    }
  }

  /// Gives files up until another one's extent fits the budget.
  ///
  /// - Returns: the bytes its extent may have; without room for growth if the budget has none.
  /// - Throws: `.addressSpaceExhausted` if it does not fit and may not overshoot.
  private func makeRoomForExtent(
    of file: FileEntry, _ mayOvershoot: Bool, _ token: inout LockToken
  ) throws(MapError) -> Int {
    let maps = file.backend.properties.mapsPerExtent
    while true {
      // Each time anew: the file may have grown while the lock was given up.
      var limits = extentLimits
      var byteCount = extentSize(of: file, limits)
      let usage = ledger.usage
      if usage.maps + maps <= limits.maps && usage.addresses <= limits.addresses - byteCount {
        return byteCount
      }
      refreshLimits(&token)
      limits = extentLimits
      byteCount = extentSize(of: file, limits)
      // Nothing is given up for a file that would not fit alone.
      let isHopeless = byteCount > limits.addresses || maps > limits.maps
      if isHopeless && !mayOvershoot || !dropFile(otherThan: file, &token) {
        // What the system refused is not asked for again so soon, if there is another way. And sums of what no system grants
        // would overflow.
        let isCountable = !ledger.usage.addresses.addingReportingOverflow(byteCount).overflow
        if mayOvershoot && isCountable && (refusal == nil || takeover == nil) {
          return extentSize(of: file, extentLimits)
        }
        throw MapError(.addressSpaceExhausted)
      }
    }
  }

  private func extentSize(of file: FileEntry, _ limits: BudgetLimits) -> Int {
    if file.reserved <= limits.addresses { return file.reserved }
    let mask = Int64(pageSize - 1)
    return Int((file.longest + mask) & ~mask)
  }

  /// What the system refused lately.
  struct Refusal {
    let maps: Int
    let addresses: Int
    let end: ContinuousClock.Instant
  }

  /// After the system refused a map of `byteCount` bytes, asks for nothing of the kind for a while, and holds less, so that
  /// the program around finds maps and addresses for itself. Which of the two ran out the system does not say; a file
  /// larger than all that is held may simply be too large.
  private func stepBack(from byteCount: Int) {
    let usage = ledger.usage
    if byteCount > usage.addresses {
      refusal = Refusal(
        maps: .max, addresses: byteCount - 1 &+ usage.addresses, end: Turn.now + .milliseconds(100))
    } else {
      refusal = Refusal(
        maps: max(usage.maps - max(usage.maps / 8, Self.spareMaps), 1),
        addresses: max(usage.addresses - max(usage.addresses / 8, Self.spareAddresses), 1),
        end: Turn.now + .seconds(1))
    }
  }

  /// A few threads' worth.
  private static let spareMaps = 16
  private static let spareAddresses = 32 << 20

  /// The budget's limits, and less after a refusal.
  private var extentLimits: BudgetLimits {
    guard let refusal else { return ledger.limits }
    if refusal.end < Turn.now {
      self.refusal = nil
      return ledger.limits
    }
    var limits = ledger.limits
    limits.maps = min(limits.maps, refusal.maps)
    limits.addresses = min(limits.addresses, refusal.addresses)
    return limits
  }

  /// What an extent's base must be a multiple of; see `RegionProvider.makeExtent`.
  private func alignment(for file: FileEntry) -> Int {
    let hugePage = 2 << 20
    if file.grid.count(fileSize: Int64(file.reserved)) <= 1 {
      return file.size >= hugePage ? hugePage : 1
    }
    return 1 << min(file.grid.windowSize.trailingZeroBitCount, hugePage.trailingZeroBitCount)
  }

  /// Gives up the extent of the least recently used file that nobody reads at this moment, its windows with it.
  ///
  /// - Returns: false if there is none.
  private func dropFile(otherThan spared: FileEntry, _ token: inout LockToken) -> Bool {
    var tried = 0
    let count = filesByUse.count
    while tried < count, let file = filesByUse.first {
      tried += 1
      let isEligible =
        file !== spared && file.extent != nil && !file.isChangingExtent
        && (file.cursors == 0 || file.canReopen || file.handle != nil) && !isSeenInUse(file)
      guard isEligible else {
        filesByUse.touch(file)
        continue
      }
      var chores = Chores()
      // Held, so that nobody retires it or maps it anew while the lock is given up.
      file.isChangingExtent = true
      var isEmpty = false
      if canDoWithoutExtent(file, &token) {
        isEmpty = unloadAll(of: file, &chores, &token)
        if isEmpty { dropExtent(file, &chores) }
      }
      file.isChangingExtent = false
      filesByUse.touch(file)
      retireIfUnused(file, &chores)
      perform(&chores, &token)
      monitor.broadcast()
      if isEmpty { return true }
    }
    return false
  }

  /// Whether a lease on a loaded window is seen without a barrier. If not, there may be one all the same.
  private func isSeenInUse(_ file: FileEntry) -> Bool {
    var isInUse = false
    unsafe file.pins.forEachLease(from: 0, through: Int64(file.reserved)) { pin in
      if isInUse { return }
      let windows = unsafe pin.pointee.windows(file.grid).clamped(to: 0..<file.windowCount)
      isInUse = windows.contains { unsafe file.windows.word($0).state != .absent }
    }
    return isInUse
  }

  /// Unloads all windows of a file whose extent is being changed, or none if one of them is in use. Called with the lock, which
  /// is given up in between.
  ///
  /// - Returns: whether the extent can go at once. Where nobody has a cursor it goes with the last window that another thread
  ///   is unloading.
  private func unloadAll(of file: FileEntry, _ chores: inout Chores, _ token: inout LockToken)
    -> Bool
  {
    let before = residency.slots(of: file)
    let unmarked = before.filter { !proofs.isMarked($0) }
    if !before.isEmpty { prove(before, &token) }
    let slots = residency.slots(of: file)
    let held = slots.filter { residency.isHeld($0) }
    // What another thread is unloading or emptying keeps the extent.
    let isAll = held.count == slots.count
    let isUnused =
      file.extentUsers == 0 && file.handleUsers == 0 && (isAll || file.cursors == 0)
      && held.allSatisfy { proofs.isUnused($0) }
    if isUnused {
      for slot in held { leave(slot, evicted: false, &chores) }
    } else {
      for slot in unmarked where residency.file(of: slot) === file && residency.isHeld(slot) {
        unmark(slot)
      }
    }
    return isUnused && isAll
  }

  /// Whether a file stays readable without its extent. One with cursors needs a handle; only where the budget or the system
  /// has none to give must its path serve.
  private func canDoWithoutExtent(_ file: FileEntry, _ token: inout LockToken) -> Bool {
    if file.cursors == 0 || file.handle != nil { return true }
    do throws(MapError) {
      // Not waiting: others may wait for the files that this thread is changing.
      try ensureHandle(file, mayWait: false, &token)
      return true
    } catch {
      return error.code == .handlesExhausted && file.canReopen
    }
  }
}
