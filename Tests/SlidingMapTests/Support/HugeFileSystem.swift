import Foundation
import SlidingMap
import SystemPackage

/// A hugetlbfs with a few pages of 2 MiB; only root may have one.
struct HugeFileSystem {
  private static let pool = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"

  let path: FilePath
  private let former: String

  /// Whether one can be mounted.
  static let isThere: Bool = {
    guard geteuid() == 0, let scratch = try? Scratch(),
      let system = try? HugeFileSystem(in: scratch)
    else { return false }
    defer { system.remove() }
    return (try? system.makeFile("probe", byteCount: 4 << 20)) != nil
  }()

  init(in scratch: Scratch) throws {
    path = scratch["huge"]
    former = (try? String(contentsOfFile: Self.pool, encoding: .utf8)) ?? "0"
    try FileManager.default.createDirectory(
      atPath: path.string, withIntermediateDirectories: false)
    guard unsafe mount("none", path.string, "hugetlbfs", 0, nil) == 0 else {
      throw Errno(rawValue: errno)
    }
    try? "8".write(toFile: Self.pool, atomically: false, encoding: .utf8)
  }

  /// Makes a file of zeros, whose pages are there.
  func makeFile(_ name: String, byteCount: Int) throws -> FilePath {
    let file = try FileDescriptor.open(
      path.appending(name), .readWrite, options: .create, permissions: .ownerReadWrite)
    return try file.closeAfter {
      let failure = posix_fallocate(file.rawValue, 0, off_t(byteCount))
      if failure != 0 { throw Errno(rawValue: failure) }
      return path.appending(name)
    }
  }

  /// Unmounts it and gives the pages back.
  func remove() {
    try? FileManager.default.contentsOfDirectory(atPath: path.string).forEach {
      try? FileManager.default.removeItem(atPath: path.appending($0).string)
    }
    _ = unsafe umount2(path.string, CInt(MNT_DETACH))
    try? former.write(toFile: Self.pool, atomically: false, encoding: .utf8)
  }
}
