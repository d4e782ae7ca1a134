import MapProtocols
import Synchronization
import SystemPackage

extension MapCore {
  // Everything here is called with the lock, which is given up during system calls.

  /// Opens a source within the budget of handles: idle ones are closed for it, and once more if the system itself has none
  /// left (EMFILE, ENFILE).
  ///
  /// - Parameter mayWait: whether to wait for a handle that another thread is about to be done with.
  func openHandle(
    _ source: FileSource, mayWait: Bool = true
  ) throws(MapError) -> OpenedFile {
    while !(try makeRoomForHandle(source, mayWait: mayWait)) {}
    var closing = 1
    while true {
      usage.handles += 1
      noteUsage()
      monitor.unlock()
      let failure: MapError
      do throws(MapError) {
        let opened = try provider.open(source)
        monitor.lock()
        handlesMoved()
        return opened
      } catch {
        failure = error
      }
      monitor.lock()
      usage.handles -= 1
      handlesMoved()
      if failure.code != .handlesExhausted { throw failure }
      relockedRefresh()
      if !closeIdleHandles(closing) { throw failure }
      closing *= 2
    }
  }

  /// Takes one step towards room for one more handle: closes an idle one, or waits for one to become idle.
  ///
  /// - Returns: whether there is room.
  private func makeRoomForHandle(_ source: FileSource, mayWait: Bool) throws(MapError) -> Bool {
    if usage.handles < limits.handles { return true }
    if closeIdleHandles(1) { return false }
    if !mayWait || !areHandlesMoving { throw MapError(.handlesExhausted, source: source) }
    handleWaiters += 1
    monitor.wait()
    handleWaiters -= 1
    return false
  }

  /// Whether some handle is being opened, closed or used by another thread, which ends soon; what can't be closed now
  /// can be then.
  private var areHandlesMoving: Bool {
    if usage.handles > handlesByUse.count { return true }
    var entry = unsafe handlesByUse.first
    while let file = entry {
      if file.isChangingExtent || file.handleUsers > 0 { return true }
      entry = handlesByUse.next(after: file)
    }
    return false
  }

  /// Wakes those who wait for a handle to become idle.
  func handlesMoved() {
    if handleWaiters > 0 { monitor.broadcast() }
  }

  /// Makes an open handle the file's own.
  func adopt(_ handle: Handle, _ file: FileEntry) {
    file.handle = handle
    handlesByUse.append(file)
  }

  /// Closes up to `count` handles that can be done without, least recently used first: those of files that their extent or
  /// nobody keeps, and only then those of files that can be opened again. False if there is none.
  private func closeIdleHandles(_ count: Int) -> Bool {
    var chores = Chores()
    for mayReopen in [false, true] where chores.handles.isEmpty {
      var entry = unsafe handlesByUse.first
      while let file = entry, chores.handles.count < count {
        entry = handlesByUse.next(after: file)
        let isKept = file.cursors == 0 || file.extent != nil && properties.extentKeepsFile
        if isKept || mayReopen && file.canReopen { closeHandle(of: file, &chores) }
      }
    }
    if chores.isEmpty { return false }
    perform(&chores)
    return true
  }

  /// Closes a file's handle unless it is being used.
  func closeHandle(of file: FileEntry, _ chores: inout Chores) {
    guard let handle = file.handle, file.handleUsers == 0, !file.isChangingExtent else { return }
    chores.handles.append(handle)
    file.handle = nil
    handlesByUse.remove(file)
  }

  /// Sees to it that the file has a handle. A path that leads to another file by now is no substitute; nor, unless a map
  /// holds the file's identity, is one that leads to a file which was changed.
  ///
  /// - Throws: `.fileChanged` in these cases and where the path leads nowhere, and what opening throws.
  func ensureHandle(_ file: FileEntry, mayWait: Bool = true) throws(MapError) {
    while file.handle == nil {
      guard let path = file.source.path else { throw MapError(.fileChanged, source: file.source) }
      let opened: OpenedFile
      do throws(MapError) {
        // Step by step: another thread may give the file a handle meanwhile, and that one would never become idle while this
        // thread waits with the file in its hands.
        if !(try makeRoomForHandle(.path(path), mayWait: mayWait)) { continue }
        opened = try openHandle(.path(path), mayWait: mayWait)
      } catch {
        if error.errno != .noSuchFileOrDirectory { throw error }
        throw MapError(.fileChanged, source: file.source, errno: error.errno)
      }
      let isHeld = file.extent != nil && properties.extentKeepsFile
      let isSame =
        opened.status.identity == file.identity
        && (isHeld || opened.status.generation == file.generation)
      if isSame && file.handle == nil {
        adopt(opened.handle, file)
      } else {
        var chores = Chores()
        chores.handles.append(opened.handle)
        perform(&chores)
        if !isSame { throw MapError(.fileChanged, source: file.source) }
      }
    }
  }

  private func relockedRefresh() {
    monitor.unlock()
    refreshLimits()
    monitor.lock()
  }

  // MARK: Extents

  /// Sees to it that the file has addresses, unless it is empty.
  ///
  /// - Throws: `.addressSpaceExhausted`, `.notMappable`, `.fileChanged`, and what opening throws.
  func ensureExtent(_ file: FileEntry) throws(MapError) {
    while file.isChangingExtent { monitor.wait() }
    if file.extent != nil || file.size == 0 { return }
    file.isChangingExtent = true
    defer {
      file.isChangingExtent = false
      monitor.broadcast()
    }
    try ensureHandle(file)
    guard let handle = file.handle else { return }
    while usage.maps + properties.mapsPerExtent > limits.maps {
      if !dropFile(otherThan: file) { break }
    }
    let alignment = alignment(for: file)
    while true {
      let size = file.size
      usage.maps += properties.mapsPerExtent
      noteUsage()
      monitor.unlock()
      let failure: MapError
      do throws(MapError) {
        let extent = try provider.makeExtent(
          handle, fileSize: size, byteCount: file.reserved, alignment: alignment)
        monitor.lock()
        file.extent = extent
        // Published by the release of the first word that will say resident.
        unsafe file.base.pointee.store(
          UInt(bitPattern: extent.base), ordering: .relaxed)
        return
      } catch {
        failure = error
      }
      monitor.lock()
      usage.maps -= properties.mapsPerExtent
      if failure.code != .addressSpaceExhausted { throw failure }
      relockedRefresh()
      if !dropFile(otherThan: file) { throw failure }
    }
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
  private func dropFile(otherThan spared: FileEntry) -> Bool {
    var tried = 0
    let count = filesByUse.count
    while tried < count, let file = unsafe filesByUse.first {
      tried += 1
      let isEligible =
        file !== spared && file.extent != nil && !file.isChangingExtent
        && (file.cursors == 0 || file.canReopen || file.handle != nil)
      guard isEligible else {
        filesByUse.touch(file)
        continue
      }
      var chores = Chores()
      // Held, so that nobody retires it or maps it anew while the lock is given up.
      file.isChangingExtent = true
      var isEmpty = false
      if canDoWithoutExtent(file) {
        let left = unloadUnused(regions.slots(of: file), &chores)
        isEmpty = left == file.regions && file.handleUsers == 0
        if isEmpty { dropExtent(file, &chores) }
      }
      file.isChangingExtent = false
      filesByUse.touch(file)
      retireIfUnused(file, &chores)
      perform(&chores)
      monitor.broadcast()
      if isEmpty { return true }
    }
    return false
  }

  /// Whether a file stays readable without its extent. One with cursors needs a handle; only where the budget or the system
  /// has none to give must its path serve.
  private func canDoWithoutExtent(_ file: FileEntry) -> Bool {
    if file.cursors == 0 || file.handle != nil { return true }
    do throws(MapError) {
      // Not waiting: others may wait for the files that this thread is changing.
      try ensureHandle(file, mayWait: false)
      return true
    } catch {
      return error.code == .handlesExhausted && file.canReopen
    }
  }
}
