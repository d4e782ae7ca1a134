import BenchmarkSupport
import SlidingMap
import SystemPackage

/// The measured loops over pages that no cache holds. Never inlined; see `Loops`.
enum ColdLoops {
  /// Loads a word at each offset, with the next ones asked for: never more than `ahead` and, while there is enough to read,
  /// never fewer than `ahead - batch`. A batch is asked for whenever one was used.
  @inline(never)
  static func prefetchAndLoad(
    _ maps: MapManager, _ path: FilePath, _ cursor: inout WindowCursor, _ offsets: [Int64],
    ahead: Int, batch: Int
  ) throws -> UInt64 {
    var sum: UInt64 = 0
    var begun = 0
    func begin(upTo end: Int) throws {
      while begun < min(end, offsets.count) {
        let next = min(begun + batch, offsets.count)
        try maps.prefetch(
          path, ranges: offsets[begun..<next].map { $0..<$0 + Int64(ColdFile.pageSize) })
        begun = next
      }
    }
    for index in offsets.indices {
      if index % batch == 0 { try begin(upTo: index + ahead) }
      try cursor.use(at: offsets[index], count: 8)
      sum &+= cursor.bytes.word(at: 0)
    }
    return sum
  }

  /// The peer: the same loads from a plain mapping that is told of random access, each waiting for the disk.
  @inline(never)
  static func load(_ mapping: borrowing RawMapping, _ offsets: [Int64]) -> UInt64 {
    Loops.load(mapping.bytes, offsets, passes: 1)
  }
}
