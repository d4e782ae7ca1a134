import Glibc
import Synchronization
import SystemPackage

/// What two processes know of files that one of them changes: a file of its own that both map.
///
/// For each name it has the last versions of what the name leads to. A version is published before the change is made that
/// brings it about, and ended after it: so whoever has read a byte finds the version that it is of.
@safe
final class ChangeTable: @unchecked Sendable {
  /// How many versions there are of each name.
  static let depth = 64
  private static let headerSize = 64
  private static let stride = headerSize + depth * MemoryLayout<ContentVersion>.stride

  let count: Int
  private let memory: UnsafeMutableRawPointer

  /// Maps the table of so many names; a file that is not there yet is made, with no versions.
  ///
  /// - Throws: `Errno` of open(2), ftruncate(2), mmap(2).
  init(_ path: FilePath, count: Int) throws {
    let file = try FileDescriptor.open(
      path, .readWrite, options: .create, permissions: .ownerReadWrite)
    defer { try? file.close() }
    try file.resize(to: Int64(count * Self.stride))
    let address = unsafe mmap(
      nil, count * Self.stride, PROT_READ | PROT_WRITE, MAP_SHARED, file.rawValue, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      throw Errno(rawValue: errno)
    }
    unsafe memory = address
    self.count = count
  }

  deinit { unsafe munmap(memory, count * Self.stride) }

  // The file is as long as that, and both counts begin on a cache line.

  /// The number of versions that were published: those are under way that have not ended.
  private func begunCount(_ slot: Int) -> UnsafeMutablePointer<Atomic<Int>> {
    unsafe (memory + slot * Self.stride).assumingMemoryBound(to: Atomic<Int>.self)
  }

  private func endedCount(_ slot: Int) -> UnsafeMutablePointer<Atomic<Int>> {
    unsafe (memory + slot * Self.stride + 8).assumingMemoryBound(to: Atomic<Int>.self)
  }

  private func place(_ index: Int, of slot: Int) -> UnsafeMutableRawPointer {
    let offset = Self.headerSize + index % Self.depth * MemoryLayout<ContentVersion>.stride
    return unsafe memory + slot * Self.stride + offset
  }

  /// How many versions of a name were brought about. The last of them is there until the next is published.
  func ended(_ slot: Int) -> Int {
    unsafe endedCount(slot).pointee.load(ordering: .sequentiallyConsistent)
  }

  /// Of all names.
  var ended: Int { (0..<count).reduce(0) { $0 + ended($1) } }

  /// The version published last.
  func last(_ slot: Int) -> ContentVersion {
    while true {
      let begun = unsafe begunCount(slot).pointee.load(ordering: .acquiring)
      let version = unsafe place(begun - 1, of: slot).load(as: ContentVersion.self)
      atomicMemoryFence(ordering: .acquiring)
      let now = unsafe begunCount(slot).pointee.load(ordering: .relaxed)
      if now < begun + Self.depth - 1 { return version }
    }
  }

  /// All versions that are known of a name.
  func history(_ slot: Int) -> ChangeHistory {
    while true {
      let begun = unsafe begunCount(slot).pointee.load(ordering: .acquiring)
      // The place of an older one is the next one's.
      let first = max(begun - Self.depth + 1, 0)
      let versions = (first..<begun).map {
        unsafe place($0, of: slot).load(as: ContentVersion.self)
      }
      atomicMemoryFence(ordering: .acquiring)
      let now = unsafe begunCount(slot).pointee.load(ordering: .relaxed)
      if now == begun { return ChangeHistory(versions: versions, first: first) }
    }
  }

  // MARK: For the one process that changes the files

  /// Publishes a version, makes the change, and ends it.
  func change(_ slot: Int, to version: ContentVersion, _ body: () throws -> Void) rethrows {
    let begun = unsafe begunCount(slot).pointee.load(ordering: .relaxed)
    unsafe place(begun, of: slot).storeBytes(of: version, as: ContentVersion.self)
    unsafe begunCount(slot).pointee.store(begun + 1, ordering: .sequentiallyConsistent)
    try body()
    unsafe endedCount(slot).pointee.store(begun + 1, ordering: .sequentiallyConsistent)
  }
}
