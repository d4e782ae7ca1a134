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

/// Maps of parts of a file that nobody reads: their pages are locked, and so they stay in the page cache, where all other maps of the
/// file have them from. Unmapped with the last reference.
///
/// A window's own pages are not locked, as windows come and go, extents are replaced, and MADV_DONTNEED refuses what is locked.
final class LockedMap: Sendable {
  private let core: MapCore
  private let backend: Backend
  private let charge: Charge
  /// One for each of the ranges; or a single one from the file's start, where parts can't be mapped alone.
  private let extents: [Extent]

  /// What it counts for in the budget.
  private struct Charge {
    let maps: Int
    let addresses: Int
  }

  /// Maps ranges of an open file, whole pages but for the file's end, and counts them as locked.
  ///
  /// - Throws: `.lockedMemoryExhausted`, `.addressSpaceExhausted`, `.notMappable`.
  convenience init(
    _ core: MapCore, _ handle: Handle, of backend: Backend, _ ranges: [Range<Int64>]
  ) throws(MapError) {
    guard let (extents, charge) = try Self.mapEach(core, handle, of: backend, ranges) else {
      try self.init(core, whole: handle, of: backend, ranges)
      return
    }
    self.init(core, backend, extents, charge)
    // From here on `deinit` gives them back.
    try count(ranges)
  }

  /// Maps the file from its start up to the end of the last of the ranges.
  private convenience init(
    _ core: MapCore, whole handle: Handle, of backend: Backend, _ ranges: [Range<Int64>]
  ) throws(MapError) {
    guard let end = ranges.last.flatMap({ Int(exactly: $0.upperBound) }),
      let byteCount = SystemPage.rounded(end)
    else { throw MapError(.addressSpaceExhausted) }
    // Where a locked part begins or ends the kernel divides a map.
    let charge = Charge(maps: 1 + 2 * ranges.count, addresses: byteCount)
    try core.chargeLock(maps: charge.maps, addresses: charge.addresses)
    let extent: Extent
    do throws(MapError) {
      extent = try backend.mapApart(handle, byteCount: byteCount)
    } catch {
      core.creditLock(maps: charge.maps, addresses: charge.addresses)
      throw error
    }
    self.init(core, backend, [extent], charge)
    try count(ranges)
  }

  private init(_ core: MapCore, _ backend: Backend, _ extents: [Extent], _ charge: Charge) {
    self.core = core
    self.backend = backend
    self.extents = extents
    self.charge = charge
  }

  /// Maps each range by itself: exactly its addresses, and one kernel map. Nil where the backend or the file can't be mapped so, as on
  /// hugetlbfs.
  private static func mapEach(
    _ core: MapCore, _ handle: Handle, of backend: Backend, _ ranges: [Range<Int64>]
  ) throws(MapError) -> ([Extent], Charge)? {
    if backend.isCopying || !backend.mapsSpans { return nil }
    var spans: [Range<Int64>] = []
    for range in ranges {
      guard let end = SystemPage.rounded(Int(range.upperBound)) else {
        throw MapError(.addressSpaceExhausted, range: range)
      }
      spans.append(range.lowerBound..<Int64(end))
    }
    let charge = Charge(maps: spans.count, addresses: spans.reduce(0) { $0 + $1.count })
    try core.chargeLock(maps: charge.maps, addresses: charge.addresses)
    var extents: [Extent] = []
    do throws(MapError) {
      for span in spans { extents.append(try backend.mapApart(handle, span: span)) }
    } catch {
      for extent in extents { backend.unmapApart(extent) }
      core.creditLock(maps: charge.maps, addresses: charge.addresses)
      if error.code == .notMappable || error.code == .unsupported { return nil }
      throw error
    }
    return (extents, charge)
  }

  deinit {
    // The child's copy goes with the child.
    if core.isForked { return }
    for extent in extents { backend.unmapApart(extent) }
    core.creditLock(maps: charge.maps, addresses: charge.addresses)
  }

  /// Counts the pages of all ranges against the limit, before any is read.
  private func count(_ ranges: [Range<Int64>]) throws(MapError) {
    for (index, range) in ranges.enumerated() {
      try lock(range, ofRange: index, populates: false)
    }
  }

  /// Locks the pages of a part of one of the ranges, and has those read that are not there.
  func lock(
    _ part: Range<Int64>, ofRange index: Int, populates: Bool = true
  ) throws(MapError) {
    let extent = extents.count == 1 ? extents[0] : extents[index]
    do {
      try unsafe LockedAddresses.lock(
        extent.base + Int(part.lowerBound - extent.offset), byteCount: part.count,
        populates: populates)
    } catch {
      throw MapError(.lockedMemoryExhausted, range: part, errno: error)
    }
  }
}

extension Range<Int64> {
  /// How many bytes its pages have, if it begins with one; `Int.max` where that is more than can be said.
  var pagedByteCount: Int { SystemPage.rounded(count) ?? .max }
}

extension Int {
  /// The sum of two that are not negative; `Int.max` where that is more than can be said.
  func addingSaturated(_ other: Int) -> Int {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}
