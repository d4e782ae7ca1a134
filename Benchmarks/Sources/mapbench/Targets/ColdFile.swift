import BenchmarkSupport
import SystemPackage

/// A file of random content on disk, and reads of it that the page cache knows nothing of.
final class ColdFile {
  static let pageSize = 4096
  private static let pageCount = 1 << 20
  private static let seed: UInt64 = 18

  let path: FilePath
  /// Pages found in the page cache after it was dropped, of those looked at.
  private(set) var leftovers = 0
  private(set) var looks = 0
  private var round: UInt64 = 0

  init(_ path: FilePath) throws {
    self.path = path
    try PatternFile.write(path, byteCount: Self.pageCount * Self.pageSize, seed: Self.seed)
  }

  /// The first words of pages, in the order in which they are to be read, and their sum.
  struct Round {
    let offsets: [Int64]
    let sum: UInt64
  }

  /// Drops the file from the page cache, makes sure of it, and draws pages, each at most once.
  func chilled(reads count: Int) throws -> Round {
    round += 1
    var generator = SeededGenerator(seed: Self.seed ^ round &<< 32)
    var seen = Set<Int>(minimumCapacity: count + Self.sampleCount)
    func fresh() -> Int {
      while true {
        let page = generator.below(Self.pageCount)
        if seen.insert(page).inserted { return page }
      }
    }
    let pages = (0..<count).map { _ in fresh() }
    try PatternFile.chill(path)
    try look(at: (0..<Self.sampleCount).map { _ in fresh() })
    let wordsPerPage = Self.pageSize / 8
    return Round(
      offsets: pages.map { Int64($0 * Self.pageSize) },
      sum: pages.reduce(0) { $0 &+ PatternFile.word($1 * wordsPerPage, seed: Self.seed) })
  }

  private static let sampleCount = 64

  /// Counts which of `pages`, none of which will be measured, are still there. Asking starts a read of each that is not,
  /// so all are read to the end before the clock starts.
  private func look(at pages: [Int]) throws {
    let file = try FileDescriptor.open(path, .readOnly)
    defer { try? file.close() }
    for page in pages {
      looks += 1
      if try Probe.isCached(file, at: Int64(page * Self.pageSize)) { leftovers += 1 }
    }
    let buffer = AlignedBuffer(byteCount: 8)
    for page in pages { _ = try buffer.fill(from: file, at: Int64(page * Self.pageSize), count: 8) }
  }
}
