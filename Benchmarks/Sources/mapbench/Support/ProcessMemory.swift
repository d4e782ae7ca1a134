import Glibc
import SystemPackage

/// What the process holds in memory, by /proc/self/status, in bytes.
struct ProcessMemory: Sendable {
  /// Pages of files, those on tmpfs included (RssFile and RssShmem).
  var file = 0
  /// The process's own memory (RssAnon).
  var anonymous = 0
  /// Page tables (VmPTE).
  var pageTables = 0

  /// Reads them now; one system call, some 30 µs.
  static func current() -> ProcessMemory {
    var memory = ProcessMemory()
    guard let status = try? FileDescriptor.open(FilePath("/proc/self/status"), .readOnly) else {
      return memory
    }
    defer { try? status.close() }
    var content = [UInt8](repeating: 0, count: 8192)
    let count = unsafe content.withUnsafeMutableBytes { buffer in
      (try? unsafe status.read(into: buffer)) ?? 0
    }
    for line in content[..<count].split(separator: UInt8(ascii: "\n")) {
      let text = String(decoding: line, as: UTF8.self)
      if text.hasPrefix("RssFile:") || text.hasPrefix("RssShmem:") {
        memory.file += kibibytes(text)
      } else if text.hasPrefix("RssAnon:") {
        memory.anonymous = kibibytes(text)
      } else if text.hasPrefix("VmPTE:") {
        memory.pageTables = kibibytes(text)
      }
    }
    return memory
  }

  private static func kibibytes(_ line: String) -> Int {
    line.utf8.reduce(0) { value, byte in
      (48...57).contains(byte) ? value * 10 + Int(byte - 48) : value
    } * 1024
  }
}
