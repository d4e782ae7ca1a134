import Glibc
import SystemPackage

/// A control group with a limit of memory for a child process: what page cache the child fills counts there, so that the kernel takes
/// pages back long before the machine runs short. Gone with its owner.
struct MemoryGroup: ~Copyable {
  /// What a child writes "0" into `cgroup.procs` of, to be in it.
  let directory: FilePath

  /// Makes one below the group of this process: cgroups(7), version 1 or 2.
  ///
  /// - Throws: `Errno` where none may be made, as without privileges, or memory is not accounted for.
  init(limit: Int) throws { directory = try Self.made(limit) }

  deinit { unsafe rmdir(directory.string) }

  private static func made(_ limit: Int) throws -> FilePath {
    let (parent, limitName) = try parent()
    let directory = parent.appending("mapbench-\(getpid())")
    guard unsafe mkdir(directory.string, 0o755) == 0 || errno == EEXIST else {
      throw Errno(rawValue: errno)
    }
    do {
      try write("\(limit)", to: directory.appending(limitName))
    } catch {
      unsafe rmdir(directory.string)
      throw error
    }
    return directory
  }

  /// Has the calling process be in a group.
  static func join(_ directory: FilePath) throws {
    try write("0", to: directory.appending("cgroup.procs"))
  }

  /// The memory group of this process, at the places where systems mount them, and the file that takes its limit.
  private static func parent() throws -> (FilePath, limitName: FilePath.Component) {
    for line in try text(of: "/proc/self/cgroup").split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      if fields[1].split(separator: ",").contains("memory") {
        return (FilePath("/sys/fs/cgroup/memory\(fields[2])"), "memory.limit_in_bytes")
      }
      let unified = FilePath("/sys/fs/cgroup\(fields[2])")
      if fields[0] == "0",
        (try? text(of: unified.appending("cgroup.controllers")))?.contains("memory") == true
      {
        // Groups below have the files of a controller that the one above hands on.
        try write("+memory", to: unified.appending("cgroup.subtree_control"))
        return (unified, "memory.max")
      }
    }
    throw Errno.notSupported
  }

  private static func text(of path: FilePath) throws -> String {
    let file = try FileDescriptor.open(path, .readOnly)
    defer { try? file.close() }
    var content = [UInt8](repeating: 0, count: 1 << 16)
    let count = try unsafe content.withUnsafeMutableBytes { try unsafe file.read(into: $0) }
    return String(decoding: content[..<count], as: UTF8.self)
  }

  private static func write(_ text: String, to path: FilePath) throws {
    let file = try FileDescriptor.open(path, .writeOnly)
    defer { try? file.close() }
    _ = try file.writeAll(text.utf8)
  }
}
