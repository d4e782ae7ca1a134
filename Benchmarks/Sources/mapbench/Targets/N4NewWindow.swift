import BenchmarkSupport
import SlidingMap
import Synchronization
import SystemPackage

/// N4: what a window costs that is not loaded, when another must go for it.
///
/// Twice: over a file that was written in large pieces, which Linux since 6.18 maps by whole folios, up to 1 MiB for one
/// byte touched, so that filling and emptying page tables is most of the cost on both sides; and over one that was
/// written page by page.
enum N4NewWindow: Target {
  static let number = "N4"

  static func measure(_ bench: Workbench) throws -> [TargetResult] {
    try [1 << 20, 4096].flatMap { piece in
      try [false, true].map { try measure(bench, piece: piece, isRunning: $0) }
    }
  }

  private static func measure(
    _ bench: Workbench, piece: Int, isRunning: Bool
  ) throws -> TargetResult {
    let path = try bench.largeFile(piece: piece)
    let file = try FileDescriptor.open(path, .readOnly)
    defer { try? file.close() }
    // Nothing takes over, so that nothing is read past its window.
    let maps = SlidingWindowMapManager(
      backend: .mmap, budget: .fixed(bytes: 64 << 20), windowSize: Workbench.windowSize)
    defer { maps.shutdown() }
    var cursor = try maps.cursor(for: path)

    // Each window once a round, in random order, at a random page: never one of the 64 last.
    var generator = SeededGenerator(seed: 14)
    let offsets = (0..<1024).shuffled(using: &generator).map {
      Int64($0 * Workbench.windowSize + generator.below(256) * 4096)
    }
    let rest = isRunning ? try Runner(path) : nil
    defer { rest?.stop() }
    let before = maps.statistics
    var sums: (ours: UInt64, peer: UInt64) = (0, 0)
    let pairs = try bench.pairs(
      ours: {
        try seconds { sums.ours = try Loops.useAndTouch(&cursor, offsets) }
          / Double(offsets.count) * 1e9
      },
      peer: {
        try seconds { sums.peer = try mapAndTouch(file, offsets) }
          / Double(offsets.count) * 1e9
      }, Pair.ratio)
    let folios = piece == 4096 ? "pages" : "folios"
    let name = "N4 \(folios) \(isRunning ? "running" : "asleep")"
    try ChecksumMismatch.check(sums.ours, sums.peer, name)
    let misses = maps.statistics.counts.misses - before.counts.misses
    return .atMost(
      isRunning ? 0.6 : 0.85, "x", name: name,
      work:
        "miss and eviction, 1 MiB of \(folios), second thread \(isRunning ? "running" : "asleep")",
      measure: "ns", pairs,
      note: misses == offsets.count * (bench.rounds + 1)
        ? nil : "\(misses) misses, \(offsets.count * (bench.rounds + 1)) expected")
  }

  /// The peer: map the window, touch the byte, unmap.
  @inline(never)
  private static func mapAndTouch(_ file: FileDescriptor, _ offsets: [Int64]) throws -> UInt64 {
    var sum: UInt64 = 0
    for offset in offsets {
      let start = offset & ~Int64(Workbench.windowSize - 1)
      let mapping = try RawMapping(file, offset: start, byteCount: Workbench.windowSize)
      sum &+= UInt64(
        unsafe mapping.bytes.unsafeLoad(fromByteOffset: Int(offset - start), as: UInt8.self))
    }
    return sum
  }

  /// A thread that reads a mapping of its own without rest: it must take part in every unloading of page tables.
  private final class Runner: Sendable {
    private let isDone: Flag
    private let worker: Worker

    init(_ path: FilePath) throws {
      let mapping = try SharedMapping(path, byteCount: 64 << 20)
      let offsets = Loops.offsets(4096, windows: 0..<64, seed: 15)
      let flag = Flag()
      isDone = flag
      worker = Worker {
        while !flag.isSet { blackHole(mapping.load(offsets, passes: 1)) }
      }
    }

    func stop() {
      isDone.set()
      worker.join()
    }
  }

  private final class Flag: Sendable {
    private let value = Atomic<Bool>(false)
    var isSet: Bool { value.load(ordering: .relaxed) }
    func set() { value.store(true, ordering: .relaxed) }
  }
}
