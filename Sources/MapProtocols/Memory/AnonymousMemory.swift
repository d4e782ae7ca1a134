package import SystemPackage

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// Memory of the process's own, page by page as it is touched: mmap(2), MAP_ANONYMOUS, MAP_PRIVATE and MAP_NORESERVE.
///
/// Never in huge pages, whatever the system's setting: a budget counts the pages that are used, and no others.
@safe
package final class AnonymousMemory: @unchecked Sendable {
  /// The first byte; a multiple of the page.
  package let base: UnsafeMutableRawPointer
  /// How many bytes.
  package let byteCount: Int

  /// Reserves addresses; pages come when they are touched.
  ///
  /// - Precondition: `byteCount` is positive.
  /// - Throws: ENOMEM.
  package init(byteCount: Int) throws(Errno) {
    precondition(byteCount > 0, "memory of no bytes")
    let address = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, Self.flags, -1, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      throw Errno(rawValue: errno)
    }
    #if os(Linux)
      // MADV_NOHUGEPAGE, which glibc's headers give only to _DEFAULT_SOURCE. Kernels without huge pages refuse it.
      _ = unsafe madvise(address, byteCount, 15)
    #endif
    unsafe base = address
    self.byteCount = byteCount
  }

  /// What mmap(2) is told of memory that takes room when it is written to.
  static var flags: CInt {
    #if canImport(Darwin)
      MAP_PRIVATE | MAP_ANON | MAP_NORESERVE
    #else
      MAP_PRIVATE | MAP_ANONYMOUS | CInt(MAP_NORESERVE)
    #endif
  }

  /// Gives the pages back and keeps the addresses: madvise(2), MADV_DONTNEED.
  package func drop() { _ = unsafe madvise(base, byteCount, MADV_DONTNEED) }

  deinit { _ = unsafe munmap(base, byteCount) }
}
