import BenchmarkSupport
import CProbe
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
    let least = try leastPin(bench, mapping, offsets, passes: 4, name)
    return .atMost(
      target, "ns", name: name, work: "random over 256 loaded windows, above raw", measure: "ns",
      pairs, note: "the least of a pin, in C: \(fixed(least, 1)) ns above raw")
  }

  /// How much longer a loop in C takes than the raw one that does nothing but to pin; see `mb_least_pin`.
  private static func leastPin(
    _ bench: Workbench, _ mapping: borrowing RawMapping, _ offsets: [Int64], passes: Int,
    _ name: String
  ) throws -> Double {
    let operations = Double(offsets.count * passes)
    let shift = Int32(Workbench.windowSize.trailingZeroBitCount)
    var sums: (least: UInt64, raw: UInt64) = (0, 0)
    let pairs = bench.pairs(
      ours: {
        seconds {
          sums.least = unsafe mapping.bytes.withUnsafeBytes { bytes in
            unsafe mb_least_pin(
              bytes.baseAddress, bytes.count, shift, offsets, offsets.count, passes)
          }
        } / operations * 1e9
      },
      peer: {
        seconds { sums.raw = Loops.load(mapping.bytes, offsets, passes: passes) }
          / operations * 1e9
      }, Pair.difference)
    try ChecksumMismatch.check(sums.least, sums.raw, name)
    return median(pairs.map(\.figure))
  }
}
