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
    let name = "N2 \(policy.rawValue)"
    let pairs = try bench.hits(&cursor, mapping, offsets, passes: 4, name, Pair.difference)
    return .atMost(
      target, "ns", name: name, work: "random over 256 loaded windows, above raw", measure: "ns",
      pairs)
  }
}
