import FuzzSupport
import SystemPackage

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// What a process still holds of files that a manager had.
enum Leftovers {
  nonisolated(unsafe) private static var buffer = [UInt8](repeating: 0, count: 1 << 20)

  /// A thread that a task was served by may be the last that lets go of a manager, some time after the task: then it ends there.
  static func check() {
    for _ in 0..<5000 {
      if isNothing { return }
      usleep(1000)
    }
    fail("left: \(links())\n" + String(decoding: text(of: "/proc/self/maps"), as: UTF8.self))
  }

  private static var isNothing: Bool {
    let path = Array((" " + Disk.directory.string).utf8)
    return links().isEmpty && place(of: path, in: text(of: "/proc/self/maps")) == nil
  }

  private static func text(of path: FilePath) -> ArraySlice<UInt8> {
    guard let file = try? FileDescriptor.open(path, .readOnly) else { return [] }
    defer { try? file.close() }
    var count = 0
    while true {
      let read = try? unsafe buffer.withUnsafeMutableBytes { bytes in
        try unsafe file.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[count...]))
      }
      guard let read, read > 0 else { break }
      count += read
    }
    return unsafe buffer[..<count]
  }

  /// What descriptors of files and rings lead to. The runtime's own are others.
  private static func links() -> [String] {
    guard let directory = unsafe opendir("/proc/self/fd") else { return [] }
    defer { unsafe closedir(directory) }
    var links: [String] = []
    var link = [UInt8](repeating: 0, count: 200)
    while let entry = unsafe readdir(directory) {
      let count = unsafe link.withUnsafeMutableBytes { link in
        let name = unsafe entry.pointer(to: \.d_name)
        return unsafe readlinkat(
          dirfd(directory), name!.pointer(to: \.0)!, link.baseAddress!, link.count)
      }
      if count < 0 { continue }
      let text = String(decoding: link[..<count], as: UTF8.self)
      if text.hasPrefix(Disk.directory.string) || text.contains("io_uring") { links.append(text) }
    }
    return links
  }
}
