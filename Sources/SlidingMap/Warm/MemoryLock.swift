import MapProtocols

/// Keeps bytes of a file in memory as long as it lives: what `MapManager.lockInMemory` gives.
///
/// It keeps its manager alive, and like a lease it outlasts `MapManager.shutdown()`. After fork(2) nothing is locked in the child. May be
/// passed between tasks.
public final class MemoryLock: Sendable {
  private let core: MapCore
  /// Bytes that it keeps, in whole pages, as they count against RLIMIT_MEMLOCK.
  public let byteCount: Int
  private let parts: Guarded<[Part]>

  /// What keeps some of the bytes.
  enum Part: Sendable {
    case map(LockedMap)
    /// A lease on copies, and the addresses of their pages.
    case lease(SharedCursor, Range<UInt>)
  }

  init(_ core: MapCore, _ parts: [Part], byteCount: Int) {
    self.core = core
    self.byteCount = byteCount
    self.parts = Guarded(parts)
    core.noteLocked(byteCount)
  }

  deinit { unlock() }

  /// Lets the bytes leave memory again: munlock(2) and munmap(2), or the end of a lease on copies. Idempotent. O(bytes).
  public func unlock() {
    let parts = parts.withLock { parts in
      defer { parts = [] }
      return parts
    }
    if parts.isEmpty || core.isForked { return }
    for part in parts {
      if case .lease(_, let addresses) = part { core.lockedAddresses.unlock(addresses) }
    }
    core.noteLocked(-byteCount)
  }
}

/// A map of a file's beginning that nobody reads: its pages are locked, and so they stay in the page cache, where all other maps of the
/// file have them from. Unmapped with its last reference.
///
/// A window's own pages are not locked, as windows come and go, extents are replaced, and MADV_DONTNEED refuses what is locked.
final class LockedMap: Sendable {
  private let core: MapCore
  private let backend: Backend
  private let maps: Int
  let extent: Extent

  /// Maps the beginning of an open file, up to the end of the last of `ranges`, and counts the pages of these as locked.
  ///
  /// - Throws: `.lockedMemoryExhausted`, `.addressSpaceExhausted`, `.notMappable`.
  init(
    _ core: MapCore, _ handle: Handle, of backend: Backend, _ ranges: [Range<Int64>]
  ) throws(MapError) {
    guard let end = ranges.last.flatMap({ Int(exactly: $0.upperBound) }),
      let byteCount = SystemPage.rounded(end)
    else { throw MapError(.addressSpaceExhausted) }
    // Where a locked part begins or ends the kernel divides a map.
    maps = 1 + 2 * ranges.count
    try core.chargeLock(maps: maps, addresses: byteCount)
    do throws(MapError) {
      extent = try backend.mapApart(handle, byteCount: byteCount)
    } catch {
      core.creditLock(maps: maps, addresses: byteCount)
      throw error
    }
    self.core = core
    self.backend = backend
    // From here on `deinit` gives it back.
    for range in ranges { try lock(range, populates: false) }
  }

  deinit {
    // The child's copy goes with the child.
    if core.isForked { return }
    backend.unmapApart(extent)
    core.creditLock(maps: maps, addresses: extent.byteCount)
  }

  /// Locks the pages of a range, and has those read that are not there.
  func lock(_ range: Range<Int64>, populates: Bool = true) throws(MapError) {
    do {
      try unsafe LockedAddresses.lock(
        extent.base + Int(range.lowerBound), byteCount: range.count, populates: populates)
    } catch {
      throw MapError(.lockedMemoryExhausted, range: range, errno: error)
    }
  }
}

extension Range<Int64> {
  /// How many bytes its pages have.
  var pagedByteCount: Int {
    let page = Int64(SystemPage.size)
    return Int((upperBound + page - 1) / page * page - lowerBound / page * page)
  }
}
