import Foundation
import SlidingMap
import SystemPackage

/// A directory of a test's own; it goes with its last reference.
final class Scratch: Sendable {
  let path: FilePath

  init() throws {
    var template = Array("/tmp/slidingmap-XXXXXX".utf8CString)
    let made = unsafe template.withUnsafeMutableBufferPointer { name in
      unsafe mkdtemp(name.baseAddress!) != nil
    }
    guard made else { throw Errno(rawValue: errno) }
    path = FilePath(
      String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
  }

  deinit { try? FileManager.default.removeItem(atPath: path.string) }

  /// The path of a name in here.
  subscript(name: String) -> FilePath { path.appending(name) }

  /// Writes a file, replacing what was in the same inode.
  @discardableResult
  func write(_ name: String, _ content: [UInt8]) throws -> FilePath {
    let descriptor = try FileDescriptor.open(
      self[name], .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
    try descriptor.closeAfter {
      _ = try unsafe content.withUnsafeBytes { try unsafe descriptor.writeAll($0) }
    }
    return self[name]
  }

  /// Adds to a file's end.
  func append(_ name: String, _ content: some Sequence<UInt8>) throws {
    let descriptor = try FileDescriptor.open(self[name], .writeOnly, options: .append)
    try descriptor.closeAfter { _ = try descriptor.writeAll(content) }
  }

  /// Gives a file another size, with a hole where it grows.
  @discardableResult
  func resize(_ name: String, to size: Int64) throws -> FilePath {
    let descriptor = try FileDescriptor.open(
      self[name], .writeOnly, options: .create, permissions: .ownerReadWrite)
    try descriptor.closeAfter { try descriptor.resize(to: size) }
    return self[name]
  }

  /// Gives another file this name, as programs do that replace a file at once.
  func replace(_ name: String, by content: [UInt8]) throws {
    try write(name + ".new", content)
    try move(name + ".new", to: name)
  }

  func move(_ name: String, to other: String) throws {
    guard unsafe rename(self[name].string, self[other].string) == 0 else {
      throw Errno(rawValue: errno)
    }
  }

  func remove(_ name: String) throws {
    guard unsafe unlink(self[name].string) == 0 else { throw Errno(rawValue: errno) }
  }

  /// When a file was last changed, and when its content was, in nanoseconds.
  func times(of name: String) throws -> (change: Int, modification: Int) {
    var status = stat()
    guard unsafe stat(self[name].string, &status) == 0 else { throw Errno(rawValue: errno) }
    return (
      status.st_ctim.tv_sec * 1_000_000_000 + status.st_ctim.tv_nsec,
      status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec
    )
  }

  func setModificationTime(of name: String, to time: Int) throws {
    let (seconds, nanoseconds) = time.quotientAndRemainder(dividingBy: 1_000_000_000)
    let time = timespec(tv_sec: seconds, tv_nsec: nanoseconds)
    guard unsafe utimensat(AT_FDCWD, self[name].string, [time, time], 0) == 0 else {
      throw Errno(rawValue: errno)
    }
  }

  func hardLink(_ name: String, as other: String) throws {
    guard unsafe link(self[name].string, self[other].string) == 0 else {
      throw Errno(rawValue: errno)
    }
  }

  func symbolicLink(_ name: String, as other: String) throws {
    guard unsafe symlink(self[name].string, self[other].string) == 0 else {
      throw Errno(rawValue: errno)
    }
  }

  /// The file's half of its windows' keys, as policies see them.
  func fingerprint(of file: FilePath) throws -> UInt64 {
    let maps = SlidingWindowMapManager(windowSize: 4096)
    let recording = try maps.recordTrace(to: self["fingerprint"])
    var cursor = try maps.cursor(for: file)
    try cursor.use(at: 0, count: 1)
    try recording.finish()
    var fingerprint: UInt64 = 0
    try TraceDecoder.read(self["fingerprint"]) { fingerprint = $0.file }
    return fingerprint
  }

  /// How many of the process's descriptors are of files in here, deleted ones included.
  var descriptors: Int {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return all.count { name in
      let target = try? FileManager.default.destinationOfSymbolicLink(
        atPath: "/proc/self/fd/" + name)
      return target?.hasPrefix(path.string + "/") ?? false
    }
  }

  /// How many of the process's kernel maps are of files in here, deleted ones included.
  var maps: Int {
    let text = Scratch.read("/proc/self/maps")
    return text.split(separator: "\n").count { $0.contains(path.string + "/") }
  }

  /// A file that has no size, read to its end.
  private static func read(_ path: FilePath) -> String {
    var all: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 1 << 16)
    guard let descriptor = try? FileDescriptor.open(path, .readOnly) else { return "" }
    defer { try? descriptor.close() }
    while let count = try? unsafe part.withUnsafeMutableBytes({
      try unsafe descriptor.read(into: $0)
    }),
      count > 0
    { all += part[..<count] }
    return String(decoding: all, as: UTF8.self)
  }
}
