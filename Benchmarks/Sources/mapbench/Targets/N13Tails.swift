import BenchmarkSupport
import Histogram
import SlidingMap
import Synchronization

/// N13: uses while another thread asks much of the lock, over many regions.
enum N13Tails: Target {
  static let number = "N13"
  private static let regionCount = 100_000
  private static let windowSize = 4096
  private static let uses = 4 << 20

  /// What another thread does all the time.
  private enum Task: String, CaseIterable {
    case statistics, setPolicy, collect

    func perform(_ maps: MapManager) {
      switch self {
      case .statistics: blackHole(UInt64(maps.statistics.usage.regions))
      case .setPolicy: maps.setPolicy(.lru)
      case .collect: maps.collect()
      }
    }
  }

  static func measure(_ bench: Workbench) throws -> [TargetResult] {
    let path = try bench.largeFile()
    let maps = PolicyName.lru.slidingManager(.unlimited, windowSize: windowSize)
    defer { maps.shutdown() }
    // A lease over all, so that collecting has to look at each region and may unload none.
    var holder = try maps.cursor(for: path)
    try holder.use(at: 0, count: regionCount * windowSize)
    var cursor = try maps.cursor(for: path)
    let offsets = Loops.offsets(
      1 << 20, windows: 0..<regionCount, windowSize: windowSize, seed: 13)
    return try Task.allCases.flatMap { task in
      try measure(task, maps, &cursor, offsets, rounds: bench.rounds)
    }
  }

  private static func measure(
    _ task: Task, _ maps: MapManager, _ cursor: inout WindowCursor, _ offsets: [Int64], rounds: Int
  ) throws -> [TargetResult] {
    var tails: [Pair] = []
    var lost: [Pair] = []
    var worst: UInt64 = 0
    var calls = 0
    for _ in 0..<rounds {
      let before = maps.statistics.counts.droppedHits
      let busy = BusyThread { task.perform(maps) }
      let histogram = try latencies(&cursor, offsets)
      calls += busy.stop()
      tails.append(.alone(Double(histogram.valueAtPercentile(99.9)) / 1e3))
      lost.append(.alone(Double(maps.statistics.counts.droppedHits - before)))
      worst = max(worst, histogram.max)
    }
    return [
      .atMost(
        20, "us", name: "N13 \(task.rawValue)",
        work:
          "use at random over \(grouped(regionCount)) regions beside that, the slowest in 1,000",
        measure: "us", tails,
        note:
          "\(grouped(calls)) calls; the slowest use of all took \(fixed(Double(worst) / 1e3, 0)) us"
      ),
      .atMost(
        0, "", name: "N13 \(task.rawValue) hits", work: "hits that LRU did not learn of meanwhile",
        measure: "", lost),
    ]
  }

  /// How long each use took, in nanoseconds.
  @inline(never)
  private static func latencies(
    _ cursor: inout WindowCursor, _ offsets: [Int64]
  ) throws -> Histogram<UInt64> {
    var histogram = Histogram<UInt64>(
      highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)
    var sum: UInt64 = 0
    for _ in 0..<uses / offsets.count {
      var start = nanoseconds()
      for offset in offsets {
        try cursor.use(at: offset, count: 8)
        sum &+= cursor.bytes.word(at: 0)
        let end = nanoseconds()
        histogram.record(end - start)
        start = nanoseconds()
      }
    }
    blackHole(sum)
    return histogram
  }
}

/// A thread that does one thing again and again.
private final class BusyThread: Sendable {
  private let isOver = Atomic(false)
  private let calls = Atomic(0)
  private let worker = Mutex<Worker?>(nil)

  init(_ body: @escaping @Sendable () -> Void) {
    let started = Worker { [self] in
      // Relaxed: nothing else is handed over but the count, which is read after the thread was joined.
      while !isOver.load(ordering: .relaxed) {
        body()
        calls.add(1, ordering: .relaxed)
      }
    }
    worker.withLock { $0 = started }
  }

  /// Ends it.
  ///
  /// - Returns: how often it did that.
  func stop() -> Int {
    isOver.store(true, ordering: .relaxed)
    worker.withLock { $0 }?.join()
    return calls.load(ordering: .relaxed)
  }
}
