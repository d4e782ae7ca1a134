import BenchmarkSupport
import CProbe
import Glibc
import SystemPackage

/// Questions that C must ask; see CProbe.h.
enum Probe {
  /// A limit of the process: what it may use, and how far it may raise that itself. Null stands for no limit.
  struct Limit: Encodable {
    let soft: Int?
    let hard: Int?
  }

  /// RLIMIT_NOFILE.
  static var openFiles: Limit { limit(MB_OPEN_FILES) }
  /// RLIMIT_AS.
  static var addresses: Limit { limit(MB_ADDRESSES) }
  /// RLIMIT_MEMLOCK.
  static var lockedMemory: Limit { limit(MB_LOCKED_MEMORY) }

  private static func limit(_ resource: some BinaryInteger) -> Limit {
    var soft: UInt64 = 0
    var hard: UInt64 = 0
    guard unsafe mb_get_limit(Int32(resource), &soft, &hard) == 0 else {
      return Limit(soft: nil, hard: nil)
    }
    return Limit(
      soft: soft == .max ? nil : Int(clamping: soft),
      hard: hard == .max ? nil : Int(clamping: hard))
  }

  /// Allows the process `count` descriptors; the hard limit stays.
  static func setOpenFiles(_ count: Int) throws(Errno) {
    let result = mb_set_soft_limit(Int32(MB_OPEN_FILES), UInt64(count))
    if result != 0 { throw Errno(rawValue: result) }
  }

  /// Allows the process so many bytes of addresses, or any number of them; the hard limit stays.
  static func setAddresses(_ byteCount: Int?) throws(Errno) {
    let result = mb_set_soft_limit(Int32(MB_ADDRESSES), byteCount.map { UInt64($0) } ?? .max)
    if result != 0 { throw Errno(rawValue: result) }
  }

  /// Has malloc(3) take so many bytes of addresses at once and keep them, so that it goes on where a limit grants no more.
  static func keepHeap(_ byteCount: Int) throws(Errno) {
    let result = mb_keep_heap(byteCount)
    if result != 0 { throw Errno(rawValue: result) }
  }

  /// The number of the file system that holds `path`, by statfs(2).
  static func fileSystemType(_ path: FilePath) throws(Errno) -> Int64 {
    var type: Int64 = 0
    let result = unsafe mb_file_system_type(path.string, &type)
    if result != 0 { throw Errno(rawValue: result) }
    return type
  }

  /// Why there are no expedited private membarriers; nil where there are.
  static var membarrierError: Errno? {
    let result = mb_membarrier()
    return result == 0 ? nil : Errno(rawValue: result)
  }

  /// Why pages of a file map can't be mapped ahead; nil where they can.
  static func populateError(_ mapping: borrowing RawMapping) -> Errno? {
    let result = unsafe mapping.bytes.withUnsafeBytes { bytes in
      unsafe mb_populate(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
    }
    return result == 0 ? nil : Errno(rawValue: result)
  }

  /// Opens a file past the page cache.
  static func openDirect(_ path: FilePath) throws(Errno) -> FileDescriptor {
    let file = unsafe mb_open_direct(path.string)
    if file < 0 { throw Errno(rawValue: -file) }
    return FileDescriptor(rawValue: file)
  }

  /// Whether the page cache holds the byte at `offset`: it reads one, and does not wait. The kernel may start to read what
  /// is not there.
  static func isCached(_ file: FileDescriptor, at offset: Int64) throws(Errno) -> Bool {
    var byte: UInt8 = 0
    let count = unsafe mb_read_nowait(file.rawValue, &byte, 1, offset)
    if count >= 0 { return true }
    let error = Errno(rawValue: Int32(-count))
    if error == .resourceTemporarilyUnavailable { return false }
    throw error
  }
}
