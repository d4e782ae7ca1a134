import BenchmarkSupport
import SlidingMap

/// N1: what a `use` costs that stays inside the lease.
///
/// Twice: over one window, whose bytes lie in the processor's second-level cache, so that instructions are all that
/// counts; and over a lease of 256 windows, where raw loads wait for memory too.
enum N1HeldCursor: Target {
  static let number = "N1"

  static func measure(_ bench: Workbench) throws -> [TargetResult] {
    [
      try measure(bench, windows: 0..<1, passes: 2000),
      try measure(bench, windows: 0..<256, passes: 250),
    ]
  }

  private static func measure(
    _ bench: Workbench, windows: Range<Int>, passes: Int
  ) throws -> TargetResult {
    let path = try bench.largeFile()
    let maps = SlidingWindowMapManager(budget: .unlimited, windowSize: Workbench.windowSize)
    defer { maps.shutdown() }
    var cursor = try maps.cursor(for: path)
    let mapping = try RawMapping(path, byteCount: windows.count * Workbench.windowSize)
    try Loops.populate(&cursor, windows: windows)
    try cursor.use(at: 0, count: windows.count * Workbench.windowSize)
    blackHole(mapping.bytes.touchPages())

    let offsets = Loops.offsets(
      windows.count == 1 ? 8192 : 65536, windows: windows, seed: 11)
    let name = "N1 \(windows.count == 1 ? "narrow" : "wide")"
    let pairs = try bench.hits(&cursor, mapping, offsets, passes: passes, name, Pair.ratio)
    return .atMost(
      windows.count == 1 ? 1.5 : 1.1, "x", name: name,
      work: "use inside a lease of \(windows.count) MiB + 8-byte load", measure: "ns", pairs)
  }
}
