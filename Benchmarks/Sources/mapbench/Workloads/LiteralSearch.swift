import BenchmarkSupport
import CProbe
import SlidingMap
import SystemPackage

extension UserWork {
  private static let rareWord = "rhinoceros"
  private static let frequentWord = "umbrella"

  /// All places of a word in a text that the page cache holds: a rare word, and a frequent one.
  static func literalSearch(in directory: FilePath, _ scale: Double) throws -> [UserWork] {
    let path = directory.appending("text.txt")
    let blocks = Int(2048 * scale)
    try writeText(path, blocks: blocks)
    let maps = SlidingWindowMapManager()
    let mapping = try TextMapping(path)
    return [(rareWord, "rare"), (frequentWord, "frequent")].map { word, kind in
      var ways = [
        Way(name: "forEachRange", isOurs: true) { { try count(word, in: maps.buffer(for: path)) } },
        Way(name: "memmem", isOurs: false) { { mapping.count(word) } },
      ]
      if let version = try? Command.output("rg", ["--version"]), !version.isEmpty {
        // With its start and its printing, as whoever searches by it has them.
        ways.append(
          Way(name: "ripgrep", isOurs: false) {
            {
              let said = try Command.output("rg", ["--count-matches", "-F", word, path.string])
              return UInt64(said.filter(\.isNumber)) ?? 0
            }
          })
      }
      return UserWork(
        name: "\(kind) word",
        work: "a \(kind) word counted in \(ByteSize.text(blocks << 20)) of text", ways: ways,
        peer: "memmem", most: 1.2)
    }
  }

  @inline(never)
  private static func count(_ word: String, in buffer: MapBuffer) throws -> UInt64 {
    var count: UInt64 = 0
    try buffer.forEachRange(of: ByteSearcher(word.utf8)) { _ in count += 1 }
    return count
  }

  /// Lines of words; the frequent one every few KiB, the rare one every 64 MiB.
  private static func writeText(_ path: FilePath, blocks: Int) throws {
    let file = try FileDescriptor.open(
      path, .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
    defer { try? file.close() }
    var generator = SeededGenerator(seed: 22)
    let blockSize = 1 << 20
    var block: [UInt8] = []
    while block.count < blockSize {
      for _ in 0..<3 + generator.below(7) {
        block.append(UInt8(ascii: "a") + UInt8(generator.below(26)))
      }
      block.append(UInt8(ascii: generator.below(10) == 0 ? "\n" : " "))
    }
    block.removeSubrange(blockSize...)
    for place in stride(from: 100, to: blockSize - 100, by: 4096) {
      let start = place + generator.below(2048)
      block.replaceSubrange(start..<start + frequentWord.utf8.count, with: frequentWord.utf8)
    }
    for number in 0..<blocks {
      var text = block
      if number % 64 == 63 {
        text.replaceSubrange(5000..<5000 + rareWord.utf8.count, with: rareWord.utf8)
      }
      _ = try file.writeAll(text)
    }
  }
}

/// A text as a plain mapping.
private final class TextMapping {
  private let mapping: RawMapping

  init(_ path: FilePath) throws { mapping = try RawMapping(path) }

  func count(_ word: String) -> UInt64 { Self.count(word, mapping) }

  // A span of a stored property can't be passed on; one of a borrowed argument can.
  @inline(never)
  private static func count(_ word: String, _ mapping: borrowing RawMapping) -> UInt64 {
    let pattern = Array(word.utf8)
    return unsafe mapping.bytes.withUnsafeBytes { bytes in
      var count: UInt64 = 0
      var start = 0
      while true {
        let left = unsafe UnsafeRawBufferPointer(rebasing: bytes[start...])
        guard let base = left.baseAddress else { return count }
        let place = unsafe mb_find(base, left.count, pattern, pattern.count)
        if place == left.count { return count }
        count += 1
        start += place + pattern.count
      }
    }
  }
}
