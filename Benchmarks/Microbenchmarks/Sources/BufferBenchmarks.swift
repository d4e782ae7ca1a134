import Benchmark
import BenchmarkSupport
import SlidingMap
import SystemPackage

/// What goes through all 64 MiB of a buffer.
enum BufferBenchmarks {
  private static let byteCount = 64 << 20

  static func register() {
    unsafe register("buffer.iteration", ours: BulkLoops.sum, plain: BulkLoops.sum)
    unsafe register("buffer.reduce", ours: BulkLoops.reduce, plain: BulkLoops.sum)
    unsafe register("buffer.withBytes", ours: BulkLoops.sumOfWords, plain: BulkLoops.sumOfWords)
    let absent = BulkLoops.absentByte
    unsafe register(
      "buffer.firstIndex", ours: { $0.firstIndex(of: absent) == nil ? 0 : 1 },
      plain: BulkLoops.hasAbsentByte)
    unsafe register(
      "buffer.contains", ours: { $0.contains(absent) ? 1 : 0 }, plain: BulkLoops.hasAbsentByte)
    let pattern: [UInt8] = Array(repeating: 7, count: 15) + [absent]
    unsafe register(
      "buffer.firstRange", ours: { try $0.firstRange(of: pattern) == nil ? 0 : 1 },
      plain: BulkLoops.hasAbsentByte)
    Comparison.register("buffer.copyBytes", .one, copying)
  }

  private static func register(
    _ name: String, ours: @escaping (MapBuffer) throws -> UInt64,
    plain: @escaping (UnsafeRawBufferPointer) -> UInt64
  ) {
    Comparison.register(name) {
      let (file, maps, buffer) = try make()
      return Comparison(
        ours: { try ours(buffer) }, plain: { unsafe plain(file.bytes) },
        misses: { maps.statistics.counts.misses })
    }
  }

  private static func copying() throws -> Comparison {
    let (file, maps, buffer) = try make()
    let target = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 4096)
    return Comparison(
      ours: { try unsafe BulkLoops.copy(buffer, to: target) },
      plain: { unsafe BulkLoops.copy(file.bytes, to: target) },
      misses: { maps.statistics.counts.misses })
  }

  private static func make() throws -> (NoiseFile, MapManager, MapBuffer) {
    let file = try NoiseFile(byteCount: byteCount)
    let maps = SlidingWindowMapManager(budget: .unlimited)
    _ = try file.populatedCursor(maps)
    return (file, maps, try maps.buffer(for: file.descriptor))
  }
}
