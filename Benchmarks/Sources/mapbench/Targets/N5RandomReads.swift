import BenchmarkSupport
import SlidingMap
import SystemPackage

/// N5: reads of 4 KiB at random over sixteen times the budget, by the backend that is the default.
enum N5RandomReads: Target {
  static let number = "N5"
  private static let budget = 64 << 20

  static func measure(_ bench: Workbench) throws -> [TargetResult] {
    [
      try measure(bench, "aligned", step: 4096),
      try measure(bench, "anywhere", step: 64),
    ]
  }

  private static func measure(
    _ bench: Workbench, _ name: String, step: Int
  ) throws -> TargetResult {
    let path = try bench.largeFile()
    let file = try FileDescriptor.open(path, .readOnly)
    defer { try? file.close() }
    let maps = SlidingWindowMapManager(
      budget: .fixed(bytes: budget), windowSize: Workbench.windowSize)
    defer { maps.shutdown() }
    var cursor = try maps.cursor(for: path)
    var generator = SeededGenerator(seed: 25)
    let places = (budget * 16 - 4096) / step
    let offsets = (0..<50_000).map { _ in Int64(generator.below(places) * step) }
    let buffer = AlignedBuffer(byteCount: 4096)
    var sums: (ours: UInt64, peer: UInt64) = (0, 0)
    let pairs = try bench.pairs(
      ours: {
        try seconds { sums.ours = try use(&cursor, offsets) } / Double(offsets.count) * 1e9
      },
      peer: {
        try seconds { sums.peer = try read(file, offsets, buffer) } / Double(offsets.count) * 1e9
      }, Pair.speed)
    try ChecksumMismatch.check(sums.ours, sums.peer, "N5 \(name)")
    let statistics = maps.statistics
    return .atLeast(
      0.9, "x", name: "N5 \(name)",
      work: "4 KiB at random over 1 GiB, 64 MiB budget, speed of pread", measure: "ns", pairs,
      note:
        "\(grouped(statistics.counts.bypasses)) bypasses, \(grouped(statistics.counts.hits)) hits, "
        + "\(grouped(statistics.counts.misses)) misses")
  }

  @inline(never)
  private static func use(
    _ cursor: inout WindowCursor, _ offsets: [Int64]
  ) throws(MapError) -> UInt64 {
    var sum: UInt64 = 0
    for offset in offsets {
      try cursor.use(at: offset, count: 4096)
      sum &+= cursor.bytes.sumOfWords()
    }
    return sum
  }

  @inline(never)
  private static func read(
    _ file: FileDescriptor, _ offsets: [Int64], _ buffer: borrowing AlignedBuffer
  ) throws -> UInt64 {
    var sum: UInt64 = 0
    for offset in offsets {
      _ = try buffer.fill(from: file, at: offset, count: 4096)
      sum &+= buffer.bytes.sumOfWords()
    }
    return sum
  }
}
