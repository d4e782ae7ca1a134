import BenchmarkSupport
import CProbe
import SlidingMap

/// N2: what a `use` costs that goes to another window, all of them loaded, beside the least that pinning takes: a loop in C that does
/// nothing but to pin, see `mb_least_pin`.
enum N2RandomWindows: Target {
  static let number = "N2"

  static func measure(_ bench: Workbench) throws -> [TargetResult] {
    [
      try measure(bench, .clock, target: 1.2),
      try measure(bench, .lru, target: 1.35),
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
    let shift = Int32(Workbench.windowSize.trailingZeroBitCount)
    let name = "N2 \(policy.rawValue)"
    let raw = try bench.hits(&cursor, mapping, offsets, passes: passes, name, Pair.ratio)
    var sums: (ours: UInt64, least: UInt64) = (0, 0)
    let pairs = try bench.pairs(
      ours: {
        try seconds { sums.ours = try Loops.useAndLoad(&cursor, offsets, passes: passes) }
          / operations * 1e9
      },
      peer: {
        seconds {
          sums.least = unsafe mapping.bytes.withUnsafeBytes { bytes in
            unsafe mb_least_pin(
              bytes.baseAddress, bytes.count, shift, offsets, offsets.count, passes)
          }
        } / operations * 1e9
      }, Pair.ratio)
    try ChecksumMismatch.check(sums.ours, sums.least, name)
    return .atMost(
      target, "x", name: name, work: "random over 256 loaded windows, of the least pin's time",
      measure: "ns", pairs,
      note: "\(fixed(median(raw.map(\.figure)), 2)) x the time of a raw mapping")
  }
}
