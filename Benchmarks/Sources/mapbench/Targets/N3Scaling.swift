import BenchmarkSupport
import SlidingMap
import Synchronization
import SystemPackage

/// N3: what a second thread adds, measured by what it adds to a plain mapping.
enum N3Scaling: Target {
  static let number = "N3"

  static func measure(_ bench: Workbench) throws -> [TargetResult] {
    try [PolicyName.lru, .clock].flatMap { policy in
      [
        try measure(bench, policy, isSameWindow: false),
        try measure(bench, policy, isSameWindow: true),
      ]
    }
  }

  private static func measure(
    _ bench: Workbench, _ policy: PolicyName, isSameWindow: Bool
  ) throws -> TargetResult {
    let path = try bench.largeFile()
    let maps = policy.slidingManager(.unlimited, windowSize: Workbench.windowSize)
    defer { maps.shutdown() }
    let windows = isSameWindow ? [0..<1, 0..<1] : [0..<128, 128..<256]
    let count = isSameWindow ? 8192 : 1 << 19
    let passes = isSameWindow ? 500 : 6
    let offsets = windows.enumerated().map {
      Loops.offsets(count, windows: $1, seed: 13 + UInt64($0))
    }
    var warm = try maps.cursor(for: path)
    try Loops.populate(&warm, windows: 0..<256)
    warm.release()
    let mapping = try SharedMapping(path, byteCount: 256 * Workbench.windowSize)

    func ours(_ threads: Int) throws -> Double {
      try throughput(threads) { thread in
        var cursor = try maps.cursor(for: path)
        let start = nanoseconds()
        let sum =
          isSameWindow
          ? try Loops.useLoadAndRelease(&cursor, offsets[thread], passes: passes)
          : try Loops.useAndLoad(&cursor, offsets[thread], passes: passes)
        blackHole(sum)
        return Double(count * passes) / Double(nanoseconds() - start)
      }
    }
    func raw(_ threads: Int) throws -> Double {
      try throughput(threads) { thread in
        // The peer's loop is many times as fast in one hot window; it gets as much time.
        let passes = isSameWindow ? passes * 4 : passes
        let start = nanoseconds()
        blackHole(mapping.load(offsets[thread], passes: passes))
        return Double(count * passes) / Double(nanoseconds() - start)
      }
    }
    let pairs = try bench.pairs(
      ours: {
        let one = try ours(1)
        return try ours(2) / one
      },
      peer: {
        let one = try raw(1)
        return try raw(2) / one
      }, Pair.ratio)
    let scaling = median(pairs.compactMap(\.peer))
    return .atLeast(
      isSameWindow ? 0.85 : 0.95, "x",
      name: "N3 \(isSameWindow ? "same" : "different") \(policy.rawValue)",
      work: isSameWindow
        ? "two threads, one hot window, pinned each time" : "two threads, windows of their own",
      measure: "x", pairs,
      note: scaling < 1.5
        ? "the plain mapping itself gained only \(fixed(scaling, 2))x: the machine is busy" : nil)
  }

  /// The operations a nanosecond of `threads` threads together, each timing itself.
  private static func throughput(
    _ threads: Int, _ body: @escaping @Sendable (Int) throws -> Double
  ) throws -> Double {
    let outcome = Mutex<Result<Double, any Error>>(.success(0))
    Worker.together(threads) { thread in
      let result = Result { try body(thread) }
      outcome.withLock { total in
        total = total.flatMap { sum in result.map { sum + $0 } }
      }
    }
    return try outcome.withLock { $0 }.get()
  }
}
