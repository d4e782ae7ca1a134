import BenchmarkSupport
import CProbe
import SlidingMap

/// Something done with all bytes of a file: through a `MapBuffer`, and on a plain mapping as one would without it.
///
/// Both sides are functions that are never inlined, and give a number that tells whether they did the same.
@safe
struct BulkOperation {
  let name: String
  /// What the other side does.
  let peer: String
  let ours: (MapBuffer) throws -> UInt64
  let raw: (UnsafeRawBufferPointer) -> UInt64

  /// All of them.
  ///
  /// - Parameter target: memory for copies, as long as the file.
  static func all(copyingTo target: UnsafeMutableRawBufferPointer) -> [BulkOperation] {
    let walks = unsafe [
      BulkOperation(name: "iteration", peer: "loop", ours: BulkLoops.sum, raw: BulkLoops.sum),
      BulkOperation(name: "reduce", peer: "reduce", ours: BulkLoops.reduce, raw: BulkLoops.reduce),
      BulkOperation(
        name: "Array(buffer)", peer: "Array", ours: BulkLoops.array, raw: BulkLoops.array),
      BulkOperation(
        name: "copyBytes", peer: "memcpy",
        ours: { try unsafe BulkLoops.copy($0, to: target) },
        raw: { unsafe BulkLoops.copy($0, to: target) }),
      BulkOperation(
        name: "withBytes", peer: "loop", ours: BulkLoops.sumOfWords, raw: BulkLoops.sumOfWords),
      BulkOperation(
        name: "forEachChunk", peer: "loop", ours: BulkLoops.sumByChunks, raw: BulkLoops.sumOfWords),
    ]
    let searches = unsafe [
      search(2), search(16), search(100),
      BulkOperation(
        name: "firstIndex(of:)", peer: "memchr",
        ours: { $0.firstIndex(of: BulkLoops.absentByte) == nil ? 0 : 1 },
        raw: BulkLoops.hasAbsentByte),
      BulkOperation(
        name: "contains", peer: "memchr",
        ours: { $0.contains(BulkLoops.absentByte) ? 1 : 0 }, raw: BulkLoops.hasAbsentByte),
    ]
    return walks + searches
  }

  /// A search for so many bytes that the file does not have: only the last gives that away.
  private static func search(_ count: Int) -> BulkOperation {
    var generator = SeededGenerator(seed: 5)
    let pattern = (1..<count).map { _ in UInt8(generator.below(128)) } + [BulkLoops.absentByte]
    return unsafe BulkOperation(
      name: "firstRange(of:), \(count) bytes", peer: "memmem",
      ours: { try $0.firstRange(of: pattern) == nil ? 0 : 1 },
      raw: { unsafe mb_find($0.baseAddress!, $0.count, pattern, count) == $0.count ? 0 : 1 })
  }
}
