import BenchmarkSupport
import SlidingMap

/// A buffer over part of a file that changes, which knows what it may show.
struct ChangesBuffer {
  private let buffer: MapBuffer
  private(set) var file: SeenFile
  private let tally: ChangesTally

  /// A buffer over all from a random place on.
  ///
  /// - Parameter file: noted before.
  init(
    _ maps: MapManager, _ file: SeenFile, _ tally: ChangesTally,
    _ generator: inout SeededGenerator
  ) throws {
    let whole = try maps.buffer(for: file.path)
    self.file = file
    self.tally = tally
    buffer = whole[generator.below(whole.count + 1)...]
    try self.file.open(size: whole.count)
  }

  /// Whether a byte of it could not be had, which it tells ever after.
  var isSpent: Bool { buffer.error != nil }

  /// Reads some bytes in one of four ways.
  mutating func read(_ generator: inout SeededGenerator) throws {
    if buffer.isEmpty { return }
    let first = buffer.startIndex + generator.below(buffer.count)
    let count = 1 + generator.below(2 * ChangesSoak.windowSize)
    let bounds = first..<min(first + count, buffer.endIndex)
    var file = file
    let isCopying = tally.isCopying
    var seen: [SeenBytes] = []
    switch generator.below(4) {
    case 0:
      let bytes = bounds.prefix(16).map { buffer[$0] }
      seen.append(file.judge(bytes, from: first, isCopy: isCopying))
    case 1:
      seen.append(
        try buffer.withBytes(in: bounds) { file.judge($0, from: first, isCopy: isCopying) })
    case 2:
      try buffer.forEachChunk(in: bounds) { bytes, index in
        // A chunk that is not believed is the last: then an error is thrown.
        seen.append(file.judge(bytes, from: index, isCopy: isCopying))
      }
    default:
      let bytes = Array(buffer[bounds])
      seen.append(file.judge(bytes, from: first, isCopy: isCopying))
    }
    // Bytes that could not be had are 0.
    if let error = buffer.error { throw error }
    self.file = file
    for seen in seen { try tally.take(seen, file) }
  }
}
