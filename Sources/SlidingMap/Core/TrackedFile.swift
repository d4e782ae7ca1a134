import CMapShims
import MapProtocols
import SystemPackage

/// One file as the core knows it: identity, handle, the paths that lead to it, and its editions.
///
/// All of it is guarded by the core's lock. It lives as long as it has editions; the last of them to go takes it out of the
/// registry, and its handle with it.
@safe
final class TrackedFile: UseOrdered, @unchecked Sendable {
  // What a miss looks at comes first, side by side.

  var links = UseLinks<TrackedFile>()
  /// A fingerprint of the identity, the file's half of a `RegionKey`.
  let key: UInt64
  var place: Places.HandleRecord
  /// The edition that serves new cursors; nil if none serves the file as it is now.
  private(set) var current: Edition?
  let identity: FileIdentity
  /// What the first cursor asked for.
  let source: FileSource
  /// The last paths and names under which cursors asked for this file, each of which may lead there still.
  private(set) var sources: [FileSource]

  var looks: FileRegistry.LookRecord
  /// Those that only their own cursors read.
  private(set) var older: [Edition] = []
  /// Calls under way that keep the file, whatever becomes of its editions.
  private var holders = 0
  /// How readers get at the handle without the lock.
  let gate = HandleGate()
  /// How often the file was read without a window.
  private(set) var copies = 0

  /// - Parameter lasting: the source as it may be asked for later.
  init(
    _ source: FileSource, _ lasting: FileSource, _ opened: OpenedFile, _ backend: Backend
  ) {
    self.source = source
    identity = opened.status.identity
    key = identity.fingerprint
    looks = FileRegistry.LookRecord(opened.status)
    place = Places.HandleRecord(opened.handle, backend)
    sources = lasting.isLasting ? [lasting] : []
  }

  deinit { gate.deallocate() }

  /// Asks for this record, as an edition does for its own.
  func prefetch() {
    unsafe smap_prefetch_lines(Unmanaged.passUnretained(self).toOpaque(), 5)
  }

  /// The version that was adopted last.
  var version: FileVersion { looks.status.version }

  func noteCopy() { copies += 1 }

  // MARK: Who holds it

  /// Keeps it, whatever becomes of its editions, until `letGo`.
  func hold() { holders += 1 }

  func letGo() {
    holders -= 1
    precondition(holders >= 0, "a file is let go twice")
  }

  var isHeld: Bool { holders > 0 }

  // MARK: Handle

  var handle: Handle? { place.handle }

  /// Whose the handle is, or was.
  var backend: Backend { place.owner }

  /// Whether somebody uses the handle, after which no reader without the lock does.
  func isHandleInUse() -> Bool {
    let isRead = !gate.close() && !Turn.isPlanted("unwatched gate")
    return isRead || place.isInUse
  }

  /// Whether the file's inode is held, so that its identity can't have gone to another file.
  var isAnchored: Bool { handle != nil || isMapped }

  /// Whether a map keeps the file.
  var isMapped: Bool { any { $0.keepsFile } }

  /// Whether its bytes can be had without the handle, for all who have a cursor.
  var canDoWithoutHandle: Bool { !any { $0.cursors > 0 && !$0.keepsFile } }

  /// The file to which its handle was found to lead: overlayfs had copied it up.
  private(set) var successor: FileIdentity?
  func noteSuccessor(_ identity: FileIdentity) { successor = identity }

  /// Whether the first backend can open it, but not map it.
  private(set) var isUnmappable = false
  func noteUnmappable() { isUnmappable = true }

  /// Whether the file can be opened again should the handle be given up.
  var canReopen: Bool { !sources.isEmpty }

  // MARK: Editions

  /// Whether it has no editions.
  var isEmpty: Bool { current == nil && older.isEmpty }

  /// Makes an edition the one that new cursors get.
  func enter(_ edition: Edition) {
    if let current { older.append(current) }
    current = edition
  }

  /// Takes an edition out.
  func remove(_ edition: Edition) {
    if edition.isCurrent {
      current = nil
    } else {
      older.removeAll { $0 === edition }
    }
  }

  /// The first edition that satisfies a condition, beginning with the current one.
  func first(where condition: (Edition) -> Bool) -> Edition? {
    if let current, condition(current) { return current }
    return older.first(where: condition)
  }

  /// Whether some edition satisfies a condition.
  func any(_ condition: (Edition) -> Bool) -> Bool { first(where: condition) != nil }

  /// Whether a thread is making, replacing or dropping an edition's extent, outside the lock.
  var isChangingPlace: Bool { any { $0.isChangingPlace } }

  // MARK: Sources

  /// A file may be renamed for ever while somebody holds it.
  private static let mostSources = 64

  /// Notes how a cursor asked for the file.
  func note(_ source: FileSource) {
    if !isLasting(source) || sources.last == source { return }
    sources.removeAll { $0 == source }
    if sources.count == Self.mostSources { sources.removeFirst() }
    sources.append(source)
  }

  /// Whether a source leads to what it led to when its cursor was made; a relative path of the system's may not.
  private func isLasting(_ source: FileSource) -> Bool {
    source.isLasting && backend.provider.resolve(source) == source
  }

  /// The sources by which the file may be found, `source` first where it may serve.
  func sources(_ source: FileSource?) -> [FileSource] {
    guard let source, isLasting(source) else { return sources }
    return [source] + sources.filter { $0 != source }
  }
}
