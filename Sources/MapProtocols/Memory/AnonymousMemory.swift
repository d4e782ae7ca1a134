package import SystemPackage

/// Memory of the process's own, page by page as it is touched; not locked, whatever the program has locked.
///
/// Never in huge pages, whatever the system's setting: a budget counts the pages that are used, and no others.
@safe
package final class AnonymousMemory: @unchecked Sendable {
  /// The first byte; a multiple of the page.
  package let base: UnsafeMutableRawPointer
  /// How many bytes.
  package let byteCount: Int
  private let calls = PlainCalls()

  /// Reserves addresses and gives them access; pages come when they are touched.
  ///
  /// - Precondition: `byteCount` is positive.
  /// - Throws: ENOMEM; also where the system counts what may be written, and has not so much left.
  package init(byteCount: Int) throws(Errno) {
    precondition(byteCount > 0, "memory of no bytes")
    let base = try unsafe calls.reserve(byteCount: byteCount)
    do throws(Errno) {
      try unsafe calls.giveAccess(base, byteCount: byteCount)
    } catch {
      unsafe calls.unmap(base, byteCount: byteCount)
      throw error
    }
    unsafe calls.useHugePages(false, base, byteCount: byteCount)
    unsafe self.base = base
    self.byteCount = byteCount
  }

  /// Gives the pages back and keeps the addresses.
  package func drop() { unsafe calls.drop(base, byteCount: byteCount) }

  deinit { unsafe calls.unmap(base, byteCount: byteCount) }
}
