import BenchmarkSupport
import SlidingMap
import SystemPackage

/// N10, third part: what cursors cost that nobody uses, when windows must go.
enum N10IdleCursors: Target {
  static let number = "N10"
  private static let cursorCount = 10_000
  private static let windowSize = 64 << 10
  /// Windows that fit beside those that are held.
  private static let room = 1024

  /// What the idle cursors do after they used a window each.
  private enum Idleness: String, CaseIterable {
    case released
    case holdingShared = "holding-shared"
    case holdingOwn = "holding-own"

    /// How many windows stay pinned.
    var pinned: Int {
      switch self {
      case .released: 0
      case .holdingShared: 64
      case .holdingOwn: cursorCount
      }
    }

    var work: String {
      switch self {
      case .released: "10,000 cursors, released"
      case .holdingShared: "10,000 cursors on 64 windows"
      case .holdingOwn: "10,000 cursors on a window each"
      }
    }
  }

  static func measure(_ bench: Workbench) throws -> [TargetResult] {
    try Idleness.allCases.flatMap { idleness in
      try [PolicyName.lru, .clock].map { try measure(bench, idleness, $0) }
    }
  }

  private static func measure(
    _ bench: Workbench, _ idleness: Idleness, _ policy: PolicyName
  ) throws -> TargetResult {
    let path = try bench.largeFile()
    // Nothing takes over, so that nothing is read past its window.
    let alone = policy.slidingManager(
      .fixed(bytes: room * windowSize), windowSize: windowSize, backend: .mmap)
    let crowded = policy.slidingManager(
      .fixed(bytes: (room + idleness.pinned) * windowSize), windowSize: windowSize, backend: .mmap)
    defer {
      alone.shutdown()
      crowded.shutdown()
    }
    let idle = try OwnedPlaces<WindowCursor>(count: cursorCount) { index in
      var cursor = try crowded.cursor(for: path)
      let window = idleness == .holdingShared ? index % idleness.pinned : index
      try cursor.use(at: Int64(window * windowSize), count: 8)
      if idleness == .released { cursor.release() }
      return cursor
    }
    var lonely = try alone.cursor(for: path)
    var busy = try crowded.cursor(for: path)

    // More windows than room, in an order of their own: each use is a miss and an eviction.
    var generator = SeededGenerator(seed: 17)
    let windows = (cursorCount..<1 << 30 / windowSize).shuffled(using: &generator)
    let offsets = windows.map { Int64($0 * windowSize) }
    blackHole(try Loops.useAndTouch(&busy, offsets))
    blackHole(try Loops.useAndTouch(&lonely, offsets))
    let before = crowded.statistics
    func time(_ cursor: inout WindowCursor) throws -> Double {
      try seconds { blackHole(try Loops.useAndTouch(&cursor, offsets)) } / Double(offsets.count)
        * 1e9
    }
    let pairs = try bench.pairs(
      ours: { try time(&busy) }, peer: { try time(&lonely) }, Pair.difference)
    let after = crowded.statistics
    let evictions = after.counts.evictions - before.counts.evictions
    let expected = offsets.count * (bench.rounds + 1)
    let scans = after.counts.pinScans - before.counts.pinScans
    blackHole(idle.count)
    return .atMost(
      1000, "ns", name: "N10 \(idleness.rawValue) \(policy.rawValue)",
      work: "more per victim, \(idleness.work)", measure: "ns", pairs,
      note: evictions >= expected && after.pinned >= idleness.pinned
        ? "\(fixed(Double(evictions) / Double(max(scans, 1)), 1)) evictions a scan of the slots"
        : "not as meant: \(evictions) evictions of \(expected), \(after.pinned) pinned")
  }
}
