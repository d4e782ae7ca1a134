import BenchmarkSupport
import SlidingMap
import SystemPackage

/// N6: reading a file front to back that the budget does not hold.
enum N6Scan: Target {
  static let number = "N6"
  private static let budget = 64 << 20

  static func measure(_ bench: Workbench) throws -> [TargetResult] {
    [try hot(bench), try cold(bench)]
  }

  private static func hot(_ bench: Workbench) throws -> TargetResult {
    let path = try bench.largeFile()
    var sums: (ours: UInt64, peer: UInt64) = (0, 0)
    let pairs = try bench.pairs(
      ours: { try seconds { sums.ours = try scan(path) } * 1e3 },
      peer: { try seconds { sums.peer = try scanMapping(path) } * 1e3 }, Pair.speed)
    try ChecksumMismatch.check(sums.ours, sums.peer, "N6 hot")
    return .atLeast(
      0.9, "x", name: "N6 hot", work: "sum of 1 GiB, 64 MiB budget, speed of raw mmap",
      measure: "ms", pairs)
  }

  /// Ours against mmap or pread, whichever has the better median. Taking the better of the two in each round would
  /// measure luck.
  private static func cold(_ bench: Workbench) throws -> TargetResult {
    let path = bench.directory.appending("cold.bin")
    try PatternFile.write(path, byteCount: 512 << 20, seed: 16)
    var leftover = 0
    func timed(_ scan: (FilePath) throws -> UInt64) throws -> (milliseconds: Double, sum: UInt64) {
      try PatternFile.chill(path)
      leftover = max(leftover, try PatternFile.cachedPages(path))
      var sum: UInt64 = 0
      let time = try seconds { sum = try scan(path) }
      return (time * 1e3, sum)
    }
    var rows: [[Double]] = []
    for round in 0...bench.rounds {
      // Each side is first, second and last in turn.
      var times: [Double] = [0, 0, 0]
      var sums: [UInt64] = [0, 0, 0]
      for step in 0..<3 {
        let side = (round + step) % 3
        (times[side], sums[side]) =
          switch side {
          case 0: try timed(scan)
          case 1: try timed(scanMapping)
          default: try timed(scanPread)
          }
      }
      try ChecksumMismatch.check(sums[0], sums[1], "N6 cold")
      try ChecksumMismatch.check(sums[0], sums[2], "N6 cold")
      if round > 0 { rows.append(times) }
    }
    let isMapping = median(rows.map { $0[1] }) < median(rows.map { $0[2] })
    let peer = isMapping ? "mmap" : "pread"
    let pairs = rows.map { Pair.speed($0[0], isMapping ? $0[1] : $0[2]) }
    return .atLeast(
      0.95, "x", name: "N6 cold", work: "sum of 512 MiB, cold, speed of mmap or pread",
      measure: "ms", pairs,
      note: "page cache dropped by posix_fadvise(DONTNEED) before each scan, at most \(leftover) "
        + "of 131,072 pages left by mincore; the faster peer by its median is \(peer)")
  }

  /// Ours: a manager made, the file scanned, all given back.
  private static func scan(_ path: FilePath) throws -> UInt64 {
    let maps = SlidingWindowMapManager(budget: .fixed(bytes: budget))
    defer { maps.shutdown() }
    var cursor = try maps.cursor(for: path)
    var sum: UInt64 = 0
    var offset: Int64 = 0
    while try cursor.use(at: offset) {
      sum &+= cursor.bytes.sumOfWords()
      offset += Int64(cursor.bytes.byteCount)
    }
    return sum
  }

  private static func scanMapping(_ path: FilePath) throws -> UInt64 {
    let mapping = try RawMapping(path)
    return mapping.bytes.sumOfWords()
  }

  private static func scanPread(_ path: FilePath) throws -> UInt64 {
    let file = try FileDescriptor.open(path, .readOnly)
    defer { try? file.close() }
    let buffer = AlignedBuffer(byteCount: Workbench.windowSize)
    var sum: UInt64 = 0
    var offset: Int64 = 0
    while true {
      let count = try buffer.fill(from: file, at: offset, count: Workbench.windowSize)
      if count == 0 { return sum }
      sum &+= buffer.bytes.extracting(first: count).sumOfWords()
      offset += Int64(count)
    }
  }
}
