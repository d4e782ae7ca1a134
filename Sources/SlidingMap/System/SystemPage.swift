#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// The page: the unit of mapping and of the budget's rounding.
public enum SystemPage {
  /// Its size in bytes: sysconf(3), _SC_PAGESIZE.
  public static let size = Int(sysconf(Int32(_SC_PAGESIZE)))
}
