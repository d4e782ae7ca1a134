import ArgumentParser
import BenchmarkSupport
import SlidingMap
import SystemPackage

/// `mapbench bulk`: what goes through all bytes of a `MapBuffer`, beside the same on a plain mapping.
struct BulkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bulk",
    abstract: "Measures operations on all bytes of a buffer against the same on a raw mapping.",
    discussion: """
      The page cache is hot, both sides have every page mapped before the clock runs, and no budget limits the buffer: what \
      is compared is the way to the bytes. Times are those the thread spent on a processor. A figure is the median of interleaved pairs, after one that does not count.
      """)

  @Option(help: "The size of the file that is made.")
  var size = ByteSize(256 << 20)
  @Option(help: "The size of a window.")
  var window = ByteSize(2 << 20)
  @Option(help: "Pairs for each median, at least 5.")
  var pairs = 7
  @Flag(help: "Print an array of objects instead of a table.")
  var json = false

  func validate() throws {
    guard pairs >= 5 else { throw ValidationError("--pairs is at least 5") }
    guard window.bytes % 4096 == 0 else {
      throw ValidationError("--window is a multiple of 4096")
    }
    guard size.bytes >= window.bytes else {
      throw ValidationError("--size holds at least one window")
    }
  }

  func run() throws {
    Cleanup.onSignals()
    let directory = try TemporaryDirectory()
    defer { directory.remove() }
    let path = directory.path.appending("bulk.bin")
    try PatternFile.write(path, byteCount: size.bytes, seed: 1, mask: 0x7F7F_7F7F_7F7F_7F7F)
    let maps = SlidingWindowMapManager(budget: .unlimited, windowSize: window.bytes)
    defer { maps.shutdown() }
    let buffer = try maps.buffer(for: path)
    let mapping = try RawMapping(path)
    let target = AlignedBuffer(byteCount: size.bytes)
    try buffer.withBytes(in: 0..<buffer.count) { blackHole($0.touchPages()) }
    blackHole(mapping.bytes.touchPages())

    let bench = Workbench(directory: directory.path, rounds: pairs)
    let operations = unsafe BulkOperation.all(copyingTo: target.memory)
    var progress = ProgressBar(total: operations.count)
    var rows: [BulkRow] = []
    for operation in operations {
      progress.show(operation.name)
      rows.append(BulkRow(operation, try measure(operation, bench, buffer, mapping)))
      progress.advance()
    }
    progress.finish()
    if let error = buffer.error { throw error }
    if !json { Report.print("one file of \(size), window \(window)\n") }
    try Report.print(rows, asJSON: json) {
      TextTable(BulkRow.titles, leftAligned: 2, rows.map(\.cells)).render()
    }
  }

  private func measure(
    _ operation: BulkOperation, _ bench: Workbench, _ buffer: MapBuffer,
    _ mapping: borrowing RawMapping
  ) throws -> [Pair] {
    let size = Double(size.bytes) / Double(1 << 30)
    var results: (ours: UInt64, raw: UInt64) = (0, 0)
    let pairs = try bench.pairs(
      ours: { try size / processorSeconds { results.ours = try operation.ours(buffer) } },
      peer: {
        let time = unsafe mapping.bytes.withUnsafeBytes { bytes in
          processorSeconds { results.raw = unsafe operation.raw(bytes) }
        }
        return size / time
      }, Pair.ratio)
    try ChecksumMismatch.check(results.ours, results.raw, operation.name)
    return pairs
  }
}
