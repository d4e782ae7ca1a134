internal import CMapShims
package import SystemPackage

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// Addresses that are kept in memory: mlock(2) and munlock(2), which don't nest. What several have locked stays locked until the last of
/// them is done with it.
package final class LockedAddresses: Sendable {
  private let ranges = Guarded<[Range<UInt>]>([], isScheduled: false)

  package init() {}

  /// Locks the pages of addresses, and reads those that are not there: mlock(2).
  ///
  /// - Returns: the addresses of the pages, for `unlock`.
  /// - Throws: ENOMEM where they are more than may be locked, or can't all be had; EPERM where none may be; EAGAIN where there is no
  ///   memory for them.
  @unsafe
  package func lock(
    _ base: UnsafeRawPointer, byteCount: Int
  ) throws(Errno) -> Range<UInt> {
    let pages = unsafe Self.pages(base, byteCount)
    let error = ranges.withLock { ranges -> Errno? in
      do throws(Errno) {
        try Self.lock(pages, populates: true)
        ranges.append(pages)
        return nil
      } catch {
        // The kernel marks pages before it reads them, and where that fails it leaves the marks: MADV_DONTNEED would refuse them.
        Self.unlock(pages, besides: ranges)
        return error
      }
    }
    if let error { throw error }
    return pages
  }

  /// Undoes one `lock`. O(n) for n that are locked.
  package func unlock(_ pages: Range<UInt>) {
    ranges.withLock { ranges in
      guard let index = ranges.firstIndex(of: pages) else { return }
      ranges.remove(at: index)
      Self.unlock(pages, besides: ranges)
    }
  }

  /// Unlocks pages that no other range has.
  private static func unlock(_ pages: Range<UInt>, besides others: [Range<UInt>]) {
    var start = pages.lowerBound
    for other in others.filter({ $0.overlaps(pages) }).runs() + [pages.upperBound..<UInt.max] {
      if start < other.lowerBound {
        unlock(start..<other.lowerBound)
      }
      start = max(start, other.upperBound)
    }
  }

  /// Locks the pages of addresses that are unmapped as a whole, which unlocks them, too.
  ///
  /// - Parameter populates: whether pages are read that are not there. If not, they are counted against the limit and stay once they are
  ///   read: mlock2(2), MLOCK_ONFAULT.
  @unsafe
  package static func lock(
    _ base: UnsafeRawPointer, byteCount: Int, populates: Bool
  ) throws(Errno) {
    try unsafe lock(pages(base, byteCount), populates: populates)
  }

  private static func unlock(_ pages: Range<UInt>) {
    guard let start = unsafe UnsafeRawPointer(bitPattern: pages.lowerBound) else { return }
    _ = unsafe munlock(start, pages.count)
  }

  private static func lock(_ pages: Range<UInt>, populates: Bool) throws(Errno) {
    guard let start = unsafe UnsafeRawPointer(bitPattern: pages.lowerBound) else { return }
    _ = try PlainCalls().retrying(.mlock) { unsafe Int(smap_lock(start, pages.count, populates)) }
  }

  private static func pages(_ base: UnsafeRawPointer, _ byteCount: Int) -> Range<UInt> {
    let mask = UInt(SystemPage.size - 1)
    let start = UInt(bitPattern: base)
    return start & ~mask..<(start + UInt(byteCount) + mask) & ~mask
  }
}
