import MapProtocols
import SystemPackage

extension MapCore {
  // Everything here is called with the lock, which is given up during system calls.

  /// Opens a source within the budget of handles: idle ones are closed for it, and more if the system itself has none left
  /// (EMFILE, ENFILE). Then the takeover opens it, which needs no descriptor of the process.
  ///
  /// - Parameters:
  ///   - file: which lacks it; nil for a new one.
  ///   - owner: the only backend whose handle will do, or nil.
  ///   - mayWait: whether to wait for a handle that another thread is about to be done with.
  /// - Returns: a handle for which others wait until the caller has found it a place, and told by `handlesMoved`. Nil if another thread
  ///   gave the file one meanwhile.
  func openHandle(
    _ source: FileSource, for file: TrackedFile? = nil, of owner: Backend? = nil,
    mayWait: Bool = true, _ token: inout LockToken
  ) throws(MapError) -> (file: OpenedFile, backend: Backend)? {
    while !(try makeRoomForHandle(source, mayWait: mayWait, &token)) {
      if isServed(file) { return nil }
    }
    // Counted before it is there, so that threads that open at the same time share the budget.
    ledger.chargeHandle()
    var found: (file: OpenedFile, backend: Backend)?
    defer {
      if found == nil {
        ledger.creditHandles()
        handlesMoved()
      }
    }
    found = try open(source, for: file, of: owner, mayWait: mayWait, &token)
    return found
  }

  /// Opens a source by the backend whose handle is wanted; by the other one where the first has none left.
  private func open(
    _ source: FileSource, for file: TrackedFile?, of owner: Backend?, mayWait: Bool,
    _ token: inout LockToken
  ) throws(MapError) -> (file: OpenedFile, backend: Backend)? {
    guard owner == nil, let takeover else {
      let backend = owner ?? primary
      let opened = try open(source, backend, for: file, mayWait: mayWait, &token)
      return opened.map { ($0, backend) }
    }
    let (first, second) = places.isShortOfHandles() ? (takeover, primary) : (primary, takeover)
    do throws(MapError) {
      let opened = try open(source, first, for: file, mayWait: false, &token)
      return opened.map { ($0, first) }
    } catch {
      if error.code != .handlesExhausted { throw error }
      if first === primary { places.noteShortageOfHandles() }
      let opened = try open(source, second, for: file, mayWait: mayWait, &token)
      return opened.map { ($0, second) }
    }
  }

  /// Whether a file got a handle from another thread. Its handle never becomes idle while this thread waits with the file in its hands.
  private func isServed(_ file: TrackedFile?) -> Bool { file?.handle != nil }

  /// Opens a source by one backend, and closes more and more of that one's idle handles until that works.
  ///
  /// - Parameter mayWait: whether to wait for one that another thread is about to be done with.
  /// - Returns: nil if another thread gave the file a handle meanwhile.
  func open(
    _ source: FileSource, _ backend: Backend, for file: TrackedFile?, mayWait: Bool,
    _ token: inout LockToken
  ) throws(MapError) -> OpenedFile? {
    var closing = 1
    while true {
      do throws(MapError) {
        return try token.unlocked { () throws(MapError) in try backend.provider.open(source) }
      } catch {
        if error.code != .handlesExhausted { throw error }
        refreshLimits(&token)
        if isServed(file) { return nil }
        switch closeIdleHandles(closing, of: backend, &token) {
        case .closed: break
        case .inUse where mayWait: try awaitHandle(&token)
        case .inUse, .none: throw error
        }
        if isServed(file) { return nil }
      }
      // All there are at last, as long as others open more.
      closing = min(closing * 2, 1 << 20)
    }
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
    try awaitHandle(&token)
    return false
  }

  /// Waits until there may be a handle to close. Who shuts the manager down may wait for this thread, which looks before and after.
  private func awaitHandle(_ token: inout LockToken) throws(MapError) {
    try checkUsable()
    waitForHandles(&token)
    try checkUsable()
  }

  /// Counts a handle that a task is about to ask for.
  ///
  /// - Returns: when its look began; and, where there is no room yet, what to wait for before this is asked again.
  /// - Throws: `.handlesExhausted` where all are in use, and none is about to come to rest.
  func beginOpening(
    _ source: FileSource
  ) throws(MapError) -> (look: FileRegistry.Look, ticket: LoadTicket?) {
    var token = lock()
    while true {
      try checkUsable()
      if ledger.mayOpenMore {
        if ledger.hasRoomForHandle {
          ledger.beginOpening()
          return (registry.look(), nil)
        }
        let attempt = closeIdleHandles(1, &token)
        if attempt == .closed { continue }
        if attempt == .none && !areHandlesMoving && !ledger.isOpeningHandles {
          throw MapError(.handlesExhausted, source: source)
        }
      }
      let ticket = loads.ticketForHandles()
      ticket.wish()
      return (registry.look(), ticket)
    }
  }

  /// Notes that a task's question for a handle was answered.
  func endOpening() {
    ledger.endOpening()
    handlesMoved()
  }

  /// Whether some handle is being opened or closed, or a file's place changed, by another thread, which ends soon; what can't be
  /// closed now can be then.
  private var areHandlesMoving: Bool {
    ledger.usage.handles > places.handleCount || places.areHandlesMoving
  }

  /// Waits until some handle may have become idle, or a load ended.
  func waitForHandles(_ token: inout LockToken) {
    handleWaiters += 1
    token.wait()
    handleWaiters -= 1
  }

  /// Wakes those who wait for that.
  func handlesMoved() {
    if handleWaiters > 0 { wakeAll() } else { loads.endWaitForHandles() }
  }

  /// Whether a file lacks a handle and could use one of `backend`'s.
  func mayTake(from backend: Backend, _ file: TrackedFile) -> Bool {
    file.handle == nil && !file.isChangingPlace && fits(backend, file)
  }

  /// Whether a handle of `backend`'s serves the edition that new cursors get.
  private func fits(_ backend: Backend, _ file: TrackedFile) -> Bool {
    if file.isUnmappable { return backend === takeover }
    guard let current = file.current else { return true }
    // Spans stay as they are, and others are made by whoever has the handle once they are gone.
    return current.backend === backend
      || current.extent == nil && (current.regions == 0 || current.isInSpans)
  }

  /// The handle through which an edition's windows are read; nil if the file has none of the same backend.
  func handle(for edition: Edition) -> Handle? {
    edition.backend === edition.file.backend ? edition.file.handle : nil
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

  /// Closes up to `count` handles that can be done without, least recently used first: those of files that their extents or
  /// nobody keeps, and only then those of files that can be opened again.
  private func closeIdleHandles(
    _ count: Int, of backend: Backend? = nil, _ token: inout LockToken
  ) -> Closing {
    var chores = Chores()
    var isAnyInUse = false
    for mayReopen in [false, true] where chores.handles.isEmpty {
      chores.handles = places.giveUpHandles(count) { file in
        if let backend, file.backend !== backend { return false }
        guard file.canDoWithoutHandle || mayReopen && file.canReopen else { return false }
        let isInUse = file.isChangingPlace || file.isHandleInUse()
        isAnyInUse = isAnyInUse || isInUse
        return !isInUse
      }
    }
    if chores.isEmpty { return isAnyInUse ? .inUse : .none }
    perform(&chores, &token)
    return .closed
  }

  /// Closes a file's handle unless it is being used.
  ///
  /// - Returns: whether it is not.
  @discardableResult
  func closeHandle(of file: TrackedFile, _ chores: inout Chores) -> Bool {
    if file.handle == nil { return true }
    if file.isChangingPlace || file.isHandleInUse() { return false }
    if let given = places.giveUpHandle(of: file) { chores.handles.append(given) }
    return true
  }

  /// Sees to it that a file has a handle, by any of the paths under which cursors asked for it. A path that leads to
  /// another file by now is no substitute; nor, unless a map holds the file's identity, is one that leads to a file which
  /// was changed: an empty one that was removed may have left its number to another.
  ///
  /// - Parameter source: whose path is tried first.
  /// - Throws: `.fileChanged` where all paths do so or lead nowhere, else what opening throws.
  func ensureHandle(
    _ file: TrackedFile, from source: FileSource? = nil, mayWait: Bool = true,
    _ token: inout LockToken
  ) throws(MapError) {
    var sources = file.sources(source)[...]
    var failure: MapError?
    while file.handle == nil {
      guard let next = sources.first else {
        throw failure ?? MapError(.fileChanged, source: source ?? file.source)
      }
      do throws(MapError) {
        if !(try openHandle(for: file, next, mayWait: mayWait, &token)) {
          sources.removeFirst()
        }
      } catch {
        if !error.isAboutSource { throw error }
        let isGone = error.errno == .noSuchFileOrDirectory
        failure =
          failure
          ?? (isGone ? MapError(.fileChanged, source: next, errno: error.errno) : error)
        sources.removeFirst()
      }
    }
  }

  /// Opens a source for a file, which takes the handle if it lacks one still.
  ///
  /// - Returns: false if it leads to another file, and the file has none still.
  private func openHandle(
    for file: TrackedFile, _ source: FileSource, mayWait: Bool, _ token: inout LockToken
  ) throws(MapError) -> Bool {
    let present = file.current?.extent == nil ? nil : file.current?.backend
    let owner = file.isUnmappable ? takeover : present
    let found = try openHandle(source, for: file, of: owner, mayWait: mayWait, &token)
    guard let (opened, backend) = found else { return true }
    let isSame =
      opened.status.identity == file.identity
      && (file.isMapped && !opened.status.isAmbiguous || opened.status.version == file.version)
    var chores = Chores()
    // The thread that is changing the extent may be the one that looks for a handle.
    if isSame && file.handle == nil && fits(backend, file) {
      places.take(opened.handle, of: backend, file)
    } else {
      chores.handles.append((opened.handle, backend))
    }
    handlesMoved()
    perform(&chores, &token)
    return isSame
  }
}

extension MapError {
  /// Whether another path to the same file may do better.
  var isAboutSource: Bool {
    let codes: [Code] = [.openFailed, .notRegularFile, .blockDevice, .unsizedFile, .fileChanged]
    return codes.contains(code)
  }

  /// Whether another look at the file may do better.
  var isAboutVersion: Bool { code == .fileChanged || code == .fileTruncated }
}
