internal import Foundation
internal import MapTesting
internal import SystemPackage

/// One of this process's kernel maps, as /proc/self/smaps tells of it. Linux only.
public struct KernelMap: Sendable {
  /// Its addresses.
  public let addresses: Range<UInt>
  /// What it maps, if that is a file.
  public let file: String
  /// Two letters for each property: "rr" and "sr" where it was told of random or sequential reads, "hg" and "nh" of huge pages or none.
  public let flags: Set<String>
  /// Bytes in memory (Rss).
  public let residentBytes: Int

  /// All there are.
  public static func all() throws -> [KernelMap] {
    var text: [UInt8] = []
    while true {
      let end = Int64(text.count)
      let more = try readBytes(of: "/proc/self/smaps", end..<end + (1 << 20))
      if more.isEmpty { break }
      text += more
    }
    var maps: [KernelMap] = []
    var addresses: Range<UInt> = 0..<0
    var file = ""
    var resident = 0
    for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: " ", omittingEmptySubsequences: true)
      guard let first = words.first else { continue }
      let bounds = first.split(separator: "-").compactMap { UInt($0, radix: 16) }
      if bounds.count == 2, bounds[0] < bounds[1] {
        addresses = bounds[0]..<bounds[1]
        file = words.count > 5 ? words[5...].joined(separator: " ") : ""
      } else if first == "Rss:" {
        resident = (Int(words[1]) ?? 0) << 10
      } else if first == "VmFlags:" {
        maps.append(
          KernelMap(
            addresses: addresses, file: file, flags: Set(words.dropFirst().map(String.init)),
            residentBytes: resident))
      }
    }
    return maps
  }

  /// Those of files at or below `path`, by address.
  public static func under(_ path: String) throws -> [KernelMap] {
    try all().filter { $0.file.hasPrefix(path) }
  }

  /// The one in which an address lies.
  public static func at(_ address: UInt) throws -> KernelMap? {
    try all().first { $0.addresses.contains(address) }
  }
}
