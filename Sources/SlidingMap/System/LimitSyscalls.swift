internal import MapProtocols
internal import SystemPackage

#if canImport(Darwin)
  internal import Darwin
#elseif canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// The system calls by which a process learns of its limits: getrlimit(2), sysconf(3), and reads of /proc and /sys.
///
/// None of them fails: what can't be had is nil, or `Int.max` where it is a limit.
package enum LimitSyscalls {
  #if canImport(Glibc)
    private typealias Resource = __rlimit_resource
  #else
    private typealias Resource = Int32
  #endif

  /// The soft limit of descriptors, RLIMIT_NOFILE.
  static func openFilesLimit() -> Int { softLimit(RLIMIT_NOFILE) }

  /// The soft limit of mapped addresses, RLIMIT_AS.
  static func addressSpaceLimit() -> Int { softLimit(RLIMIT_AS) }

  /// The soft limit of memory that may be written to, RLIMIT_DATA.
  static func dataLimit() -> Int { softLimit(RLIMIT_DATA) }

  private static func softLimit(_ resource: Resource) -> Int {
    var limit = rlimit()
    // Safe: the pointer lives as long as the call.
    #if canImport(Glibc)
      let failed = unsafe getrlimit(__rlimit_resource_t(resource.rawValue), &limit) != 0
    #else
      let failed = unsafe getrlimit(resource, &limit) != 0
    #endif
    return failed ? .max : Int(clamping: limit.rlim_cur)
  }

  /// The machine's memory in bytes.
  static func memory() -> Int {
    let pages = sysconf(Int32(_SC_PHYS_PAGES))
    guard pages > 0 else { return .max }
    let (bytes, overflow) = pages.multipliedReportingOverflow(by: SystemPage.size)
    return overflow ? .max : bytes
  }

  /// How many descriptors are open, by Linux's word for it: the size of /proc/self/fd since 6.2, else its entries.
  static func openFilesInUse() -> Int {
    #if os(Linux) || os(Android)
      var status = stat()
      // Safe: both pointers live as long as the call.
      if unsafe stat("/proc/self/fd", &status) == 0, status.st_size > 0 {
        return Int(status.st_size)
      }
      // Safe: the directory is closed on the way out and its entries are not looked into.
      guard let directory = unsafe opendir("/proc/self/fd") else {
        // No descriptor for looking: the limit is reached.
        return errno == EMFILE ? openFilesLimit() : 0
      }
      defer { unsafe closedir(directory) }
      var entries = 0
      while unsafe readdir(directory) != nil { entries += 1 }
      // Neither ".", nor "..", nor the directory's own descriptor.
      return max(entries - 3, 0)
    #else
      return 0
    #endif
  }

  /// The text of a file, or nil if it can't be read.
  package static func text(_ path: String) -> String? {
    var text: [UInt8] = []
    let isRead = unsafe forEachPiece(of: path) { unsafe text.append(contentsOf: $0) }
    return isRead ? String(decoding: text, as: UTF8.self) : nil
  }

  /// How many lines a file has, or 0 if it can't be read.
  static func lineCount(_ path: String) -> Int {
    var lines = 0
    let isRead = unsafe forEachPiece(of: path) { piece in
      lines += unsafe piece.reduce(0) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
    }
    return isRead ? lines : 0
  }

  /// Reads a file from its start, as files without a size want to be read. False if that fails anywhere.
  private static func forEachPiece(
    of path: String, _ body: (UnsafeRawBufferPointer) -> Void
  ) -> Bool {
    do {
      let file = try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
      return try file.closeAfter {
        try unsafe withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 1) { buffer in
          while true {
            // Safe: `body` sees only the bytes that were read, and only during its call.
            let count = try unsafe file.read(into: buffer)
            if count == 0 { return true }
            unsafe body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
          }
        }
      }
    } catch {
      return false
    }
  }
}
