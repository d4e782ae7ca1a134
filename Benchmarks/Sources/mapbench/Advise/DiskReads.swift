import FoundationEssentials
import SystemPackage

/// What disks were read for on this process's account: `read_bytes` of /proc/self/io.
enum DiskReads {
  /// Bytes so far; what was read ahead counts when it was asked for, whether or not anybody used it.
  static func now() throws -> Int {
    let file = try FileDescriptor.open(FilePath("/proc/self/io"), .readOnly)
    defer { try? file.close() }
    var content = [UInt8](repeating: 0, count: 1024)
    let count = try unsafe content.withUnsafeMutableBytes { try unsafe file.read(into: $0) }
    for line in String(decoding: content[..<count], as: UTF8.self).split(separator: "\n")
    where line.hasPrefix("read_bytes: ") {
      return Int(line.dropFirst(12)) ?? 0
    }
    return 0
  }
}
