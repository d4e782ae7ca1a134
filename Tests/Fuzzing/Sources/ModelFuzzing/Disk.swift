import FuzzSupport
import SystemPackage

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// The files of one input: what they should be, and the same in a directory.
final class Disk {
  static let names = ["a", "b", "c", "d"]
  private static let sizes = [77_777, 4096, 1, 0]
  /// No file becomes larger.
  static let mostBytes = 400_000

  /// One directory for the process; in memory, where there is one that is.
  static let directory: FilePath = {
    var template = Array("/dev/shm/sliding-map-fuzz-XXXXXX".utf8CString)
    if unsafe access("/dev/shm", W_OK) != 0 {
      template = Array("/tmp/sliding-map-fuzz-XXXXXX".utf8CString)
    }
    let isMade = unsafe template.withUnsafeMutableBufferPointer {
      unsafe mkdtemp($0.baseAddress!) != nil
    }
    if !isMade { fail("no directory: \(Errno(rawValue: errno))") }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return FilePath(path)
  }()

  private(set) var files: [String: ModelFile] = [:]
  /// Counts contents, so that no two are alike.
  private var contents = 0

  init() {
    for (name, size) in zip(Self.names, Self.sizes) { create(name, size) }
  }

  static func path(_ name: String) -> FilePath { directory.appending(name) }

  static func descriptor(_ name: String) -> FileDescriptor? {
    try? FileDescriptor.open(path(name), .readOnly)
  }

  /// Removes all.
  func clear() {
    for name in Self.names + ["new", "trace"] { _ = unsafe unlink(Self.path(name).string) }
    files = [:]
  }

  private func content(_ count: Int) -> ArraySlice<UInt8> {
    contents += 1
    return Noise.bytes(count, contents)
  }

  // MARK: What programs do to files

  /// A new file, in the place of one that is there.
  func create(_ name: String, _ size: Int) {
    let bytes = Array(content(size))
    must("create") {
      let file = try FileDescriptor.open(
        Self.path("new"), .writeOnly, options: [.create, .exclusiveCreate],
        permissions: .ownerReadWrite)
      try file.closeAfter { _ = try file.writeAll(bytes) }
      try Self.rename("new", name)
    }
    lose(name)
    files[name] = ModelFile(bytes, number: contents)
    log("\(name): file \(contents) of \(size) bytes")
  }

  func remove(_ name: String) {
    if files[name] == nil { return }
    log("\(name): removed")
    must("remove") {
      if unsafe unlink(Self.path(name).string) != 0 { throw Errno(rawValue: errno) }
    }
    lose(name)
    files[name] = nil
  }

  /// Another name for a file.
  func link(_ name: String, _ other: String) {
    guard let file = files[name], name != other else { return }
    remove(other)
    log("\(name): linked as \(other)")
    must("link") {
      if unsafe Glibc.link(Self.path(name).string, Self.path(other).string) != 0 {
        throw Errno(rawValue: errno)
      }
    }
    files[other] = file
    file.touch()
  }

  func move(_ name: String, _ other: String) {
    guard let file = files[name], file !== files[other] else { return }
    log("\(name): moved to \(other)")
    must("move") { try Self.rename(name, other) }
    lose(name)
    lose(other)
    files[name] = nil
    files[other] = file
  }

  /// A name leads to its file no longer.
  private func lose(_ name: String) {
    files[name]?.mayBeLost = true
    files[name]?.touch()
  }

  func append(_ name: String, _ count: Int) {
    guard let file = files[name] else { return }
    let bytes = content(min(count, Self.mostBytes - file.size))
    if bytes.isEmpty { return }
    change(name) { _ = try $0.writeAll(toAbsoluteOffset: Int64(file.size), bytes) }
    file.become(file.present + bytes)
  }

  func overwrite(_ name: String, at offset: Int, _ count: Int) {
    guard let file = files[name], offset < file.size else { return }
    let bytes = content(min(count, file.size - offset))
    if bytes.isEmpty { return }
    change(name) { _ = try $0.writeAll(toAbsoluteOffset: Int64(offset), bytes) }
    var present = file.present
    present.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    file.become(present)
  }

  /// Cuts a file, or lengthens it by a hole.
  func resize(_ name: String, _ size: Int) {
    guard let file = files[name], size != file.size, size <= Self.mostBytes else { return }
    change(name) { try $0.resize(to: Int64(size)) }
    let hole = [UInt8](repeating: 0, count: max(size - file.size, 0))
    file.become(file.present.prefix(size) + hole)
  }

  private func change(_ name: String, _ body: (FileDescriptor) throws -> Void) {
    must("change") {
      let file = try FileDescriptor.open(Self.path(name), .writeOnly)
      try file.closeAfter { try body(file) }
    }
  }

  private static func rename(_ name: String, _ other: String) throws {
    if unsafe Glibc.rename(path(name).string, path(other).string) != 0 {
      throw Errno(rawValue: errno)
    }
  }

  private func must(_ what: String, _ body: () throws -> Void) {
    do { try body() } catch { fail("can't \(what): \(error)") }
  }
}
