import MapProtocols
import SystemPackage

extension MapCore {
  // Everything here is called with the lock, which is given up during system calls.

  /// Opens a source within the budget of handles: idle ones are closed for it, and more if the system itself has none left
  /// (EMFILE, ENFILE). Then the takeover opens it, which needs no descriptor of the process.
  ///
  /// - Parameters:
  ///   - owner: the only backend whose handle will do, or nil.
  ///   - mayWait: whether to wait for a handle that another thread is about to be done with.
  func openHandle(
    _ source: FileSource, of owner: Backend? = nil, mayWait: Bool = true, _ token: inout LockToken
  ) throws(MapError) -> (file: OpenedFile, backend: Backend) {
    while !(try makeRoomForHandle(source, mayWait: mayWait, &token)) {}
    // Counted before it is there, so that threads that open at the same time share the budget.
    ledger.chargeHandle()
    defer { handlesMoved() }
    do throws(MapError) {
      guard owner == nil, let takeover else {
        let backend = owner ?? primary
        return (try open(source, backend, &token), backend)
      }
      let (first, second) = isShortOfHandles ? (takeover, primary) : (primary, takeover)
      do throws(MapError) {
        return (try open(source, first, &token), first)
      } catch {
        if error.code != .handlesExhausted { throw error }
        if first === primary { noteShortageOfHandles() }
        return (try open(source, second, &token), second)
      }
    } catch {
      ledger.creditHandles()
      throw error
    }
  }

  /// Opens a source by one backend, and closes more and more of that one's idle handles until that works.
  private func open(
    _ source: FileSource, _ backend: Backend, _ token: inout LockToken
  ) throws(MapError) -> OpenedFile {
    var closing = 1
    while true {
      do throws(MapError) {
        return try token.unlocked { () throws(MapError) in try backend.provider.open(source) }
      } catch {
        if error.code != .handlesExhausted { throw error }
        refreshLimits(&token)
        if closeIdleHandles(closing, of: backend, &token) != .closed { throw error }
      }
      // All there are at last, as long as others open more.
      closing = min(closing * 2, 1 << 20)
    }
  }

  /// For how long a refused descriptor is not asked for again where there is another way.
  private static let refusalTime = Duration.milliseconds(1)

  func noteShortageOfHandles() { shortOfHandlesUntil = Turn.now + Self.refusalTime }

  /// Whether the system had no descriptor for the first backend just now.
  var isShortOfHandles: Bool {
    guard let end = shortOfHandlesUntil else { return false }
    if Turn.now < end { return true }
    shortOfHandlesUntil = nil
    return false
  }

  /// Takes one step towards room for one more handle: closes an idle one, or waits for one to become idle.
  ///
  /// - Returns: whether there is room.
  private func makeRoomForHandle(_ source: FileSource, mayWait: Bool, _ token: inout LockToken)
    throws(MapError) -> Bool
  {
    if ledger.hasRoomForHandle { return true }
    let attempt = closeIdleHandles(1, &token)
    if attempt == .closed { return false }
    if !mayWait || attempt == .none && !areHandlesMoving {
      throw MapError(.handlesExhausted, source: source)
    }
    waitForHandles(&token)
    return false
  }

  /// Whether some handle is being opened, closed or used under the lock by another thread, which ends soon; what can't be
  /// closed now can be then.
  private var areHandlesMoving: Bool {
    if ledger.usage.handles > handlesByUse.count { return true }
    var entry = handlesByUse.first
    while let file = entry {
      if file.isChangingExtent || file.handleUsers > 0 { return true }
      entry = handlesByUse.next(after: file)
    }
    return false
  }

  /// Waits until some handle may have become idle, or a load ended.
  func waitForHandles(_ token: inout LockToken) {
    handleWaiters += 1
    token.wait()
    handleWaiters -= 1
  }

  /// Wakes those who wait for that.
  func handlesMoved() {
    if handleWaiters > 0 { monitor.broadcast() }
  }

  /// Whether a file lacks a handle and could use one of `backend`'s.
  func mayAdopt(from backend: Backend, _ file: FileEntry) -> Bool {
    file.handle == nil && !file.isChangingExtent
      && (file.backend === backend || file.extent == nil && file.regions == 0)
  }

  /// Makes an open handle the file's own.
  func adopt(_ handle: Handle, of backend: Backend, _ file: FileEntry) {
    file.handle = handle
    file.backend = backend
    handlesByUse.append(file)
  }

  /// Makes a file's handle the most recently used, as bytes are about to be read through it. Hits don't come here: they need no
  /// handle.
  func touchHandle(of file: FileEntry) {
    if file.handle != nil { handlesByUse.touch(file) }
  }

  /// What came of an attempt to close handles.
  private enum Closing {
    case closed
    /// Some could be done without, but are being used. Who uses one tells when he is through, readers without the lock too,
    /// as its gate was closed to them.
    case inUse
    /// There is none.
    case none
  }

  /// Closes up to `count` handles that can be done without, least recently used first: those of files that their extent or
  /// nobody keeps, and only then those of files that can be opened again.
  private func closeIdleHandles(_ count: Int, of backend: Backend? = nil, _ token: inout LockToken)
    -> Closing
  {
    var chores = Chores()
    var isAnyInUse = false
    for mayReopen in [false, true] where chores.handles.isEmpty {
      var entry = handlesByUse.first
      while let file = entry, chores.handles.count < count {
        entry = handlesByUse.next(after: file)
        if let backend, file.backend !== backend { continue }
        let isKept =
          file.cursors == 0 || file.extent != nil && file.backend.properties.extentKeepsFile
        if (isKept || mayReopen && file.canReopen) && !isLastWay(file) {
          let isClosing = closeHandle(of: file, &chores)
          isAnyInUse = isAnyInUse || !isClosing
        }
      }
    }
    if chores.isEmpty { return isAnyInUse ? .inUse : .none }
    perform(&chores, &token)
    return .closed
  }

  /// Whether an entry that left its handle to `file` could get at its bytes by no other one.
  private func isLastWay(_ file: FileEntry) -> Bool {
    guard let owner = previousOwner(of: file), !owner.canReopen else { return false }
    return owner.extent == nil || !owner.backend.properties.extentKeepsFile
  }

  /// Closes a file's handle unless it is being used.
  ///
  /// - Returns: whether it is not.
  @discardableResult
  func closeHandle(of file: FileEntry, _ chores: inout Chores) -> Bool {
    guard let handle = file.handle else { return true }
    if file.isChangingExtent || file.isHandleInUse() { return false }
    chores.handles.append((handle, file.backend))
    file.handle = nil
    handlesByUse.remove(file)
    return true
  }

  /// Sees to it that the file has a handle, by any of the paths under which cursors asked for it. A path that leads to
  /// another file by now is no substitute; nor, unless a map holds the file's identity, is one that leads to a file which
  /// was changed: an empty one that was removed may have left its number to another.
  ///
  /// - Parameter source: whose path is tried first.
  /// - Throws: `.fileChanged` where all paths do so or lead nowhere, else what opening throws.
  func ensureHandle(
    _ file: FileEntry, from source: FileSource? = nil, mayWait: Bool = true,
    _ token: inout LockToken
  ) throws(MapError) {
    var paths = file.paths(source)[...]
    var failure: MapError?
    while file.handle == nil {
      guard let path = paths.first else {
        throw failure ?? MapError(.fileChanged, source: source ?? file.source)
      }
      let (opened, backend): (OpenedFile, Backend)
      do throws(MapError) {
        // Step by step: another thread may give the file a handle meanwhile, and that one would never become idle while this
        // thread waits with the file in its hands.
        if !(try makeRoomForHandle(.path(path), mayWait: mayWait, &token)) { continue }
        (opened, backend) = try openHandle(
          .path(path), of: file.extent == nil ? nil : file.backend, mayWait: mayWait, &token)
      } catch {
        if !error.isAboutPath { throw error }
        let isGone = error.errno == .noSuchFileOrDirectory
        failure =
          failure
          ?? (isGone ? MapError(.fileChanged, source: .path(path), errno: error.errno) : error)
        paths.removeFirst()
        continue
      }
      // Held by its map, or by the handle that it left to another entry.
      let newest = newest(file)
      let isHeld =
        file.extent != nil && file.backend.properties.extentKeepsFile
        || newest !== file && newest.handle != nil
      let isSame =
        opened.status.identity == file.identity
        && (isHeld || opened.status.generation == file.copiedGeneration)
      // The thread that is changing the extent is the one that looks for a handle.
      let fits = file.backend === backend || file.extent == nil && file.regions == 0
      if isSame && file.handle == nil && fits {
        adopt(opened.handle, of: backend, file)
      } else {
        var chores = Chores()
        chores.handles.append((opened.handle, backend))
        perform(&chores, &token)
        if !isSame { paths.removeFirst() }
      }
    }
  }
}

extension MapError {
  /// Whether another path to the same file may do better.
  var isAboutPath: Bool {
    let codes: [Code] = [.openFailed, .notRegularFile, .blockDevice, .unsizedFile, .fileChanged]
    return codes.contains(code)
  }
}
