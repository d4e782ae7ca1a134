public import Glibc
public import SystemPackage

/// A plain mmap(2) of a file or a part of it: the peer that SlidingMap is measured against.
///
/// What it does is inlined into those who measure with it, as a user's own calls would be.
@frozen
@safe
public struct RawMapping: ~Copyable, @unchecked Sendable {
  @usableFromInline let base: UnsafeRawPointer
  /// How many bytes are mapped.
  public let byteCount: Int

  /// Opens a file, maps it from `offset` on, to its end if no count is given, and closes it.
  @inlinable
  public init(_ path: FilePath, offset: Int64 = 0, byteCount: Int? = nil) throws {
    let file = try FileDescriptor.open(path, .readOnly)
    defer { try? file.close() }
    let size = try file.seek(offset: 0, from: .end)
    try self.init(file, offset: offset, byteCount: byteCount ?? Int(size - offset))
  }

  /// Maps a part of an open file.
  @inlinable
  public init(_ file: FileDescriptor, offset: Int64 = 0, byteCount: Int) throws {
    let address = unsafe mmap(nil, byteCount, PROT_READ, MAP_SHARED, file.rawValue, Int(offset))
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      throw Errno(rawValue: errno)
    }
    unsafe base = UnsafeRawPointer(address)
    self.byteCount = byteCount
  }

  @inlinable
  deinit {
    unsafe munmap(UnsafeMutableRawPointer(mutating: base), byteCount)
  }

  /// The mapped bytes, with the same bounds checks as a cursor's.
  @inlinable
  public var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      let span = unsafe RawSpan(_unsafeStart: base, byteCount: byteCount)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// Tells the kernel how it will be read: madvise(2).
  public func advise(_ advice: Int32) {
    unsafe madvise(UnsafeMutableRawPointer(mutating: base), byteCount, advice)
  }

  /// How many of the pages the kernel holds in memory: mincore(2).
  public func residentPages() -> Int {
    let pages = (byteCount + 4095) / 4096
    var states = [UInt8](repeating: 0, count: pages)
    unsafe states.withUnsafeMutableBufferPointer { buffer in
      _ = unsafe mincore(
        UnsafeMutableRawPointer(mutating: base), byteCount, buffer.baseAddress)
    }
    return states.count { $0 & 1 != 0 }
  }
}
