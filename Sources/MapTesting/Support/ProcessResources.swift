package import Foundation
package import SystemPackage

/// What this process holds, as /proc tells it: a test's witness that nothing leaks and budgets are kept. Linux only.
///
/// Tests of all suites share one process and run side by side. So count what leads to files of the test's own
/// directory (`descriptors(under:)`, `maps(under:)`); the totals are for child processes.
package struct ProcessResources: Sendable {
  /// Open descriptors, the one that counts them left out.
  package let descriptors: Int
  /// Kernel maps.
  package let maps: Int
  /// Bytes of files mapped in (RssFile).
  package let fileBytes: Int
  /// Bytes of the process's own memory (RssAnon).
  package let anonymousBytes: Int
  /// Bytes of address space (VmSize).
  package let addressSpaceBytes: Int
  /// Bytes that are counted as the process's own to write to (VmData).
  package let dataBytes: Int
  /// Bytes of address space that are locked (VmLck).
  package let lockedBytes: Int

  /// Whether there is a /proc to ask.
  package static let isAvailable = FileManager.default.fileExists(atPath: "/proc/self/pagemap")

  /// Whether a sanitizer's runtime is part of the process: then much of what it holds is not the program's.
  package static let isSanitized =
    unsafe dlsym(nil, "__asan_init") != nil || dlsym(nil, "__tsan_init") != nil

  /// What the process holds now.
  package init() throws {
    descriptors = Self.links().count
    maps = try Self.lines("/proc/self/maps").count
    var fields: [Substring: Int] = [:]
    for line in try Self.lines("/proc/self/status") where line.hasSuffix("kB") {
      let words = line.split(whereSeparator: \.isWhitespace)
      if words.count == 3 { fields[words[0].dropLast()] = (Int(words[1]) ?? 0) << 10 }
    }
    fileBytes = fields["RssFile", default: 0]
    anonymousBytes = fields["RssAnon", default: 0]
    addressSpaceBytes = fields["VmSize", default: 0]
    dataBytes = fields["VmData", default: 0]
    lockedBytes = fields["VmLck", default: 0]
  }

  /// Open descriptors of files at or below `path`, deleted ones included.
  package static func descriptors(under path: FilePath) -> Int {
    links().count { $0.hasPrefix(path.string) }
  }

  /// Kernel maps of files at or below `path`, deleted ones included.
  package static func maps(under path: FilePath) throws -> Int {
    try lines("/proc/self/maps").count { $0.contains(" " + path.string) }
  }

  /// The pages mapped in among those of `byteCount` addresses from `base`, counted from the first (/proc/self/pagemap).
  @unsafe
  package static func residentPages(
    from base: UnsafeRawPointer, byteCount: Int
  ) throws -> IndexSet {
    let pageSize = Int(sysconf(CInt(_SC_PAGESIZE)))
    let count = (byteCount + pageSize - 1) / pageSize
    let first = Int64(UInt(bitPattern: base) / UInt(pageSize))
    let entries = try readBytes(of: "/proc/self/pagemap", first * 8..<(first + Int64(count)) * 8)
    // Bit 63 of each little-endian entry says that the page is there.
    return IndexSet((0..<entries.count / 8).filter { entries[$0 * 8 + 7] & 0x80 != 0 })
  }

  private static func lines(_ file: FilePath) throws -> [Substring] {
    var text: [UInt8] = []
    while true {
      let end = Int64(text.count)
      let more = try readBytes(of: file, end..<end + (1 << 20))
      if more.isEmpty { break }
      text += more
    }
    return String(decoding: text, as: UTF8.self).split(separator: "\n")
  }

  private static func links() -> [String] {
    let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    // The descriptor that listed the directory is closed by now: it has no link any more.
    return numbers.compactMap {
      try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + $0)
    }
  }
}
