#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// The page: the unit of mapping and of the budget's rounding.
public enum SystemPage {
  /// Its size in bytes: sysconf(3), _SC_PAGESIZE.
  public static let size = Int(sysconf(CInt(_SC_PAGESIZE)))

  /// The size of a huge page: what a page table spans.
  package static let hugeSize = size * (size / 8)

  /// `byteCount` rounded up to whole pages; nil past the end of all addresses.
  package static func rounded(_ byteCount: Int) -> Int? {
    let mask = size - 1
    let (sum, overflow) = byteCount.addingReportingOverflow(mask)
    return overflow ? nil : sum & ~mask
  }
}
