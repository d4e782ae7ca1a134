import Benchmark
import BenchmarkSupport
import Glibc
import SlidingMap
import SystemPackage

/// Uses of cursors: hits, misses, opening.
enum CursorBenchmarks {
  private static let windowSize = 1 << 20

  static func register() {
    Comparison.register("hit.lease", .mega) { try hits(windows: 1, .lru, isRepinned: false) }
    Comparison.register("hit.sameWindow", .mega) { try hits(windows: 1, .lru, isRepinned: true) }
    Comparison.register("hit.windows256.lru", .mega) {
      try hits(windows: 256, .lru, isRepinned: false)
    }
    Comparison.register("hit.windows256.clock", .mega) {
      try hits(windows: 256, .clock, isRepinned: false)
    }
    Comparison.register("hit.eightWindowsAtOnce", .kilo, wide)
    Comparison.register("miss.eviction", .kilo, misses)
    Comparison.register("cursor.openCopyRelease", .kilo, opening)
  }

  /// A use and a load at random; `isRepinned`, and the lease given up after each.
  private static func hits(
    windows: Int, _ policy: some EvictionPolicy, isRepinned: Bool
  ) throws -> Comparison {
    let file = try NoiseFile(byteCount: windows * windowSize)
    let maps = SlidingWindowMapManager(
      policy: policy, budget: .unlimited, windowSize: windowSize)
    let held = try file.populatedCursor(maps)
    let offsets = Loops.offsets(1_000_000, windows: 0..<windows, seed: 2)
    return Comparison(
      ours: {
        isRepinned
          ? try Loops.useLoadAndRelease(&held.cursor, offsets, passes: 1)
          : try Loops.useAndLoad(&held.cursor, offsets, passes: 1)
      },
      plain: { unsafe Loops.load(file.bytes.bytes, offsets, passes: 1) },
      misses: { maps.statistics.counts.misses })
  }

  private static func wide() throws -> Comparison {
    let file = try NoiseFile(byteCount: 256 * windowSize)
    let maps = SlidingWindowMapManager(budget: .unlimited, windowSize: windowSize)
    let held = try file.populatedCursor(maps)
    let offsets = Loops.offsets(1000, windows: 0..<248, seed: 2)
    return Comparison(
      ours: { try Loops.useWide(&held.cursor, offsets) },
      plain: { unsafe Loops.loadWide(file.bytes.bytes, offsets) },
      misses: { maps.statistics.counts.misses })
  }

  /// A window that is not loaded, where 64 of 256 fit; the plain way maps it, touches it and unmaps it.
  private static func misses() throws -> Comparison {
    let file = try NoiseFile(byteCount: 256 * windowSize)
    let maps = SlidingWindowMapManager(
      backend: .mmap, budget: .fixed(bytes: 64 * windowSize), windowSize: windowSize)
    let held = HeldCursor(try maps.cursor(for: file.descriptor))
    // One order again and again: 232 others at least come before a window's turn comes again.
    var generator = SeededGenerator(seed: 3)
    let order = (0..<256).shuffled(using: &generator)
    let offsets = (0..<1000).map { Int64(order[$0 % 256] * windowSize) }
    return Comparison(
      ours: { try Loops.useAndLoad(&held.cursor, offsets, passes: 1) },
      plain: { try mapAndLoad(file.descriptor, offsets) },
      misses: { maps.statistics.counts.misses })
  }

  @inline(never)
  private static func mapAndLoad(_ file: FileDescriptor, _ offsets: [Int64]) throws -> UInt64 {
    var sum: UInt64 = 0
    for offset in offsets {
      let mapping = try RawMapping(file, offset: offset, byteCount: windowSize)
      sum &+= mapping.bytes.word(at: 0)
    }
    return sum
  }

  /// A cursor for a file that has another one, and a copy, and both gone; the plain way opens and closes the file twice.
  private static func opening() throws -> Comparison {
    // A file with a name, and no other is left behind: the program's own.
    guard let name = unsafe realpath("/proc/self/exe", nil) else { throw Errno(rawValue: errno) }
    defer { unsafe free(name) }
    let path = unsafe FilePath(platformString: name)
    let maps = SlidingWindowMapManager(budget: .unlimited, windowSize: windowSize)
    let other = HeldCursor(try maps.cursor(for: path))
    try other.cursor.use(at: 0, count: 1)
    return Comparison(
      ours: {
        var sum: UInt64 = 0
        for _ in 0..<1000 {
          let cursor = try maps.cursor(for: path)
          let copy = cursor.copy()
          sum &+= UInt64(copy.fileSize - cursor.fileSize) &+ 1
        }
        return sum
      },
      plain: {
        for _ in 0..<2000 { try FileDescriptor.open(path, .readOnly).close() }
        return 1000
      },
      misses: { maps.statistics.counts.misses + (other.cursor.isValid ? 0 : 1) })
  }
}
