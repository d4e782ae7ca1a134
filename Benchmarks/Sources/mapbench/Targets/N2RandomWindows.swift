import BenchmarkSupport
import SlidingMap

/// N2: what a `use` costs that goes to another window, all of them loaded.
enum N2RandomWindows: Target {
  static let number = "N2"

  static func measure(_ bench: Workbench) throws -> [TargetResult] {
    [
      try measure(bench, .clock, target: 10),
      try measure(bench, .lru, target: 15),
    ]
  }

  private static func measure(
    _ bench: Workbench, _ policy: PolicyName, target: Double
  ) throws -> TargetResult {
    let windows = 0..<256
    let path = try bench.largeFile()
    let maps = policy.slidingManager(.unlimited, windowSize: Workbench.windowSize)
    defer { maps.shutdown() }
    var cursor = try maps.cursor(for: path)
    let mapping = try RawMapping(path, byteCount: windows.count * Workbench.windowSize)
    try Loops.populate(&cursor, windows: windows)
    blackHole(mapping.bytes.touchPages())

    let offsets = Loops.offsets(1 << 20, windows: windows, seed: 12)
    let passes = 4
    let operations = Double(offsets.count * passes)
    var sums: (ours: UInt64, peer: UInt64) = (0, 0)
    let pairs = try bench.pairs(
      ours: {
        try seconds { sums.ours = try Loops.useAndLoad(&cursor, offsets, passes: passes) }
          / operations * 1e9
      },
      peer: {
        seconds { sums.peer = Loops.load(mapping.bytes, offsets, passes: passes) }
          / operations * 1e9
      }, Pair.difference)
    let name = "N2 \(policy.rawValue)"
    try ChecksumMismatch.check(sums.ours, sums.peer, name)
    return .atMost(
      target, "ns", name: name, work: "random over 256 loaded windows, above raw", measure: "ns",
      pairs)
  }
}
