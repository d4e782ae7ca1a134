import BenchmarkSupport
import SlidingMap
import Synchronization
import SystemPackage

/// Threads that read a hot set at random while another goes through a cold file, for some seconds. Every word is checked.
struct PressureWork: Sendable {
  let reader: PressureReader
  let hot: FilePath
  let hotSet: HotSet
  let hotThreads: Int
  let cold: FilePath
  let coldSize: Int
  let shape: ReadShape
  let seconds: Double

  static let coldSeed: UInt64 = 13
  private static let batch = 256

  /// Reads the hot set once, then all until time is up.
  func run() throws -> PressureRun {
    switch reader {
    case .defaults, .defaultsNormal:
      let maps = SlidingWindowMapManager(pattern: reader == .defaults ? .learned : .normal)
      defer { maps.shutdown() }
      var first = try maps.cursor(for: hot)
      blackHole(try Loops.useAndLoad(&first, hotSet.pages, passes: 1))
      first.release()
      return try together(
        hot: { [hot] until in
          var cursor = try maps.cursor(for: hot)
          return try readHot(until) { try Loops.useAndSumAll(&cursor, $0) }
        },
        cold: { [cold] until in
          var cursor = try maps.cursor(for: cold)
          return try readCold(until) { try Loops.useAndSum(&cursor, $0) }
        })
    case .normal, .mixed, .random:
      let maps = try PressureMaps(hot, cold, reader)
      blackHole(maps.load(hotSet.pages))
      return try together(
        hot: { until in try readHot(until) { maps.sumAll($0) } },
        cold: { until in try readCold(until) { maps.sum($0) } })
    }
  }

  /// Runs both kinds of threads, each told when to end in nanoseconds; what they give is counts.
  private func together(
    hot hotThread: @escaping @Sendable (UInt64) throws -> Int,
    cold coldThread: @escaping @Sendable (UInt64) throws -> Int
  ) throws -> PressureRun {
    let outcome = Mutex<Result<(hot: Int, cold: Int), any Error>>(.success((0, 0)))
    let read = try DiskReads.now()
    let start = nanoseconds()
    let end = start + UInt64(seconds * 1e9)
    Worker.together(hotThreads + 1) { thread in
      let result = Result { try thread == 0 ? (0, coldThread(end)) : (hotThread(end), 0) }
      outcome.withLock { total in
        total = total.flatMap { sum in result.map { (sum.hot + $0.0, sum.cold + $0.1) } }
      }
    }
    let time = Double(nanoseconds() - start) / 1e9
    let counts = try outcome.withLock { $0 }.get()
    return PressureRun(
      hotReads: Double(counts.hot) / time, coldBytes: Double(counts.cold) / time,
      diskBytes: Double(try DiskReads.now() - read) / time,
      hotCached: Double(try PatternFile.cachedPages(hot) * 4096))
  }

  /// - Returns: how many pages were read.
  private func readHot(
    _ end: UInt64, _ read: ([Range<Int64>]) throws -> UInt64
  ) throws -> Int {
    let requests = hotSet.requests(256 * Self.batch, seed: threadSeed())
    let batches = stride(from: 0, to: requests.count, by: Self.batch).map {
      let batch = requests[$0..<$0 + Self.batch]
      return (requests: Array(batch), sum: HotSet.sum(batch))
    }
    var count = 0
    while true {
      for batch in batches {
        if nanoseconds() >= end { return count }
        try ChecksumMismatch.check(try read(batch.requests), batch.sum, "the hot set")
        count += batch.requests.count
      }
    }
  }

  /// - Returns: how many bytes were read.
  private func readCold(_ end: UInt64, _ read: ([Range<Int64>]) throws -> UInt64) throws -> Int {
    let requests = shape.requests(fileSize: coldSize, count: 1 << 18, seed: threadSeed())
    let together = shape == .scan ? 1 : 16
    var count = 0
    while true {
      for start in stride(from: 0, to: requests.count, by: together) {
        if nanoseconds() >= end { return count }
        let batch = Array(requests[start..<min(start + together, requests.count)])
        try ChecksumMismatch.check(try read(batch), Self.coldSum(batch), "the cold file")
        count += batch.reduce(0) { $0 + $1.count }
      }
    }
  }

  /// The sum of the first words of the pages of some ranges of the cold file.
  private static func coldSum(_ ranges: [Range<Int64>]) -> UInt64 {
    var sum: UInt64 = 0
    for range in ranges {
      for offset in stride(from: range.lowerBound, to: range.upperBound, by: 4096) {
        sum &+= PatternFile.word(Int(offset / 8), seed: coldSeed)
      }
    }
    return sum
  }

  /// Others for each thread and run.
  private func threadSeed() -> UInt64 { nanoseconds() }
}

/// Two files as plain maps, which threads share.
private final class PressureMaps: Sendable {
  private let hot: RawMapping
  private let cold: RawMapping

  init(_ hot: FilePath, _ cold: FilePath, _ reader: PressureReader) throws {
    self.hot = try RawMapping(hot)
    self.cold = try RawMapping(cold)
    self.hot.advise(reader.advice.hot)
    self.cold.advise(reader.advice.cold)
  }

  func load(_ offsets: [Int64]) -> UInt64 { Self.load(hot, offsets) }
  func sumAll(_ ranges: [Range<Int64>]) -> UInt64 { Self.sumAll(hot, ranges) }
  func sum(_ ranges: [Range<Int64>]) -> UInt64 { Self.sum(cold, ranges) }

  // A span of a stored property can't be passed on; one of a borrowed argument can.
  private static func load(_ mapping: borrowing RawMapping, _ offsets: [Int64]) -> UInt64 {
    Loops.load(mapping.bytes, offsets, passes: 1)
  }
  private static func sumAll(
    _ mapping: borrowing RawMapping, _ ranges: [Range<Int64>]
  ) -> UInt64 {
    Loops.sumAll(mapping.bytes, ranges)
  }
  private static func sum(_ mapping: borrowing RawMapping, _ ranges: [Range<Int64>]) -> UInt64 {
    Loops.sum(mapping.bytes, ranges)
  }
}
