import Glibc
import SlidingMap
import SystemPackage

/// Files and memory in name only: all bytes are zeros that the kernel shares, nothing is opened, loaded or unloaded.
/// What a manager over it takes is its own.
///
/// A path's last component is the file's number. Files lie side by side in one range of addresses.
@safe
final class NominalProvider: MappingProvider, @unchecked Sendable {
  private let base: UnsafeMutableRawPointer
  private let files: Int
  private let fileSize: Int
  private let otherSize: Int
  private let byteCount: Int

  /// Reserves addresses for so many files of so many bytes, and for others that come after them.
  init(files: Int, fileSize: Int, others: Int = 0, otherSize: Int = 0) throws {
    self.files = files
    self.fileSize = fileSize
    self.otherSize = otherSize
    byteCount = files * fileSize + others * otherSize
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    let address = unsafe Glibc.mmap(nil, byteCount, PROT_READ, flags, -1, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      throw Errno(rawValue: errno)
    }
    // Pages of their own, like a file's small windows.
    unsafe madvise(address, byteCount, MADV_NOHUGEPAGE)
    unsafe base = address
  }

  deinit { unsafe munmap(base, byteCount) }

  /// The path of a file.
  static func path(_ file: Int) -> FilePath { FilePath("/nominal/\(file)") }

  /// The word at an offset from the first file's start, as a bare program would load it.
  @inline(__always)
  func word(at offset: Int) -> UInt64 {
    unsafe base.load(fromByteOffset: offset, as: UInt64.self)
  }

  var name: String { "nominal" }
  var mapping: MappingProperties { MappingProperties() }
  var reloadCost: Int { 0 }

  func open(_ source: FileSource) throws(MapError) -> OpenedFile {
    let status = try status(of: source)
    return OpenedFile(handle: Handle(rawValue: try number(of: source)), status: status)
  }

  func status(of source: FileSource) throws(MapError) -> FileStatus {
    status(try number(of: source))
  }

  private func number(of source: FileSource) throws(MapError) -> Int {
    guard let name = source.path?.lastComponent?.string, let number = Int(name) else {
      throw MapError(.openFailed, source: source, errno: .noSuchFileOrDirectory)
    }
    return number
  }

  func status(of handle: Handle) throws(MapError) -> FileStatus { status(handle.rawValue) }

  private func status(_ number: Int) -> FileStatus {
    FileStatus(
      identity: FileIdentity(UInt64(number)), version: FileVersion(0),
      size: Int64(size(of: number)))
  }

  private func size(of file: Int) -> Int { file < files ? fileSize : otherSize }

  func close(_ handle: Handle) {}

  func read(
    _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(MapError) -> Int {
    throw MapError(.unsupported)
  }

  func map(
    _ handle: Handle, fileSize: Int64, byteCount: Int, alignment: Int
  ) throws(MapError) -> Extent {
    let number = handle.rawValue
    let start = min(number, files) * self.fileSize + max(number - files, 0) * otherSize
    return unsafe Extent(base: base + start, byteCount: size(of: number))
  }

  func map(
    _ handle: Handle, fileSize: Int64, replacing extent: Extent
  ) throws(MapError) -> Extent {
    throw MapError(.unsupported)
  }

  func unmap(_ extent: Extent) {}
  func load(_ loads: inout [RegionLoad]) {}
  func unload(_ regions: [ExtentRange]) {}
}
