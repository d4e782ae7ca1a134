import BenchmarkSupport
import SlidingMap
import SystemPackage

/// N18: files that have no addresses as a whole.
enum N18ShortAddresses: Target {
  static let number = "N18"
  /// Beside what the process has when a run begins.
  private static let addresses = 200 << 20
  private static let budget = 64 << 20
  private static let accesses = 100_000
  /// 8 GiB together, some of them small enough for the addresses that there are.
  private static let sizes =
    [Int](repeating: 1 << 30, count: 4) + [Int](repeating: 128 << 20, count: 32)

  static func measure(_ bench: Workbench) throws -> [TargetResult] {
    let work = try Work(bench.directory)
    var hits: [Pair] = []
    let speeds = try bench.pairs(
      ours: {
        let start = Probe.addresses.soft
        try Probe.setAddresses(ProcessSample.current().addresses + addresses)
        defer { try? Probe.setAddresses(start) }
        return try work.run()
      },
      peer: { try work.run() },
      Pair.ratio)
    // The first pair does not count, and every other one began with ours.
    for round in 1...bench.rounds {
      let (first, second) = (work.hits[2 * round], work.hits[2 * round + 1])
      hits.append(round % 2 == 0 ? .difference(second, first) : .difference(first, second))
    }
    let text = "Zipf over 8 GiB, budget 64 MiB, RLIMIT_AS 200 MiB above the start"
    return [
      .atMost(
        2, "points", name: "N18 hits", work: "\(text): hits lost", measure: "%", hits),
      .atLeast(
        0.55, "x", name: "N18 throughput", work: "\(text); of that without the limit",
        measure: "/s", speeds),
    ]
  }

  /// What is read: windows by Zipf's law, in files of holes that the page cache has.
  private final class Work {
    private let paths: [FilePath]
    private let places: [(file: Int, offset: Int64)]
    /// Of each run, the share of requests that found their window, in percent.
    private(set) var hits: [Double] = []

    init(_ directory: FilePath) throws {
      var paths: [FilePath] = []
      var windows: [(file: Int, offset: Int64)] = []
      for (index, size) in N18ShortAddresses.sizes.enumerated() {
        let path = directory.appending("short-\(index).bin")
        let file = try FileDescriptor.open(
          path, .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
        try file.closeAfter { try file.resize(to: Int64(size)) }
        try PatternFile.warm(path)
        paths.append(path)
        let count = size / Workbench.windowSize
        windows += (0..<count).map { (index, Int64($0 * Workbench.windowSize)) }
      }
      var generator = SeededGenerator(seed: 18)
      windows.shuffle(using: &generator)
      let zipf = ZipfSampler(count: windows.count)
      places = (0..<N18ShortAddresses.accesses).map { _ in
        let (file, start) = windows[zipf.draw(&generator)]
        return (file, start + Int64(generator.below(Workbench.windowSize / 8) * 8))
      }
      self.paths = paths
    }

    /// Reads all places twice, the second time by the clock.
    ///
    /// - Returns: requests a second.
    func run() throws -> Double {
      let maps = SlidingWindowMapManager(
        budget: .fixed(bytes: N18ShortAddresses.budget), windowSize: Workbench.windowSize)
      defer { maps.shutdown() }
      let readers = try paths.map { Reader(try maps.cursor(for: $0)) }
      try read(readers)
      let before = maps.statistics.counts
      let time = try seconds { try read(readers) }
      let after = maps.statistics.counts
      let missed =
        after.misses - before.misses + after.copies - before.copies
        + after.bypasses - before.bypasses
      hits.append(100 * (1 - Double(missed) / Double(places.count)))
      return Double(places.count) / time
    }

    private func read(_ readers: [Reader]) throws {
      var sum: UInt64 = 0
      for (file, offset) in places { sum &+= try readers[file].word(at: offset) }
      blackHole(sum)
    }
  }

  /// A cursor in an array.
  private final class Reader {
    private var cursor: WindowCursor
    init(_ cursor: consuming WindowCursor) { self.cursor = cursor }

    func word(at offset: Int64) throws -> UInt64 {
      try cursor.withBytes(at: offset, count: 8) { $0.word(at: 0) }
    }
  }
}
