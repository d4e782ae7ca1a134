import BenchmarkSupport
import SlidingMap

/// A buffer over part of a file that knows what it should show.
struct SoakBuffer {
  private let buffer: MapBuffer
  let file: SoakFile
  let stamp: Int
  private let seed: UInt64
  private let start: Int

  /// A buffer over all from a random place on.
  init(
    _ maps: MapManager, _ file: SoakFile, _ stamp: Int, _ generator: inout SeededGenerator
  ) throws {
    let whole = try maps.buffer(for: file.path)
    start = generator.below(whole.count + 1)
    seed = try file.seed(shown: whole.count)
    // A buffer of its own where a slice would do as well.
    buffer =
      file.kind == .fixed
      ? try maps.buffer(for: file.path, range: Int64(start)..<Int64.max)
      : whole[start...]
    self.file = file
    self.stamp = stamp
    guard buffer.count == whole.count - start else {
      throw SoakMismatch("a buffer from \(start) on has \(buffer.count) bytes", file)
    }
  }

  /// Reads a few bytes in one of four ways.
  func read(_ generator: inout SeededGenerator, windowSize: Int) throws {
    if buffer.isEmpty { return }
    let first = buffer.startIndex + generator.below(buffer.count)
    let count = generator.below(8) == 0 ? windowSize : 100
    let bounds = first..<min(first + count, buffer.endIndex)
    switch generator.below(4) {
    case 0:
      for index in bounds.prefix(8) { try check(buffer[index], index) }
    case 1:
      let slice = buffer[bounds]
      try slice.withBytes(in: bounds) { try check($0, bounds.lowerBound) }
    case 2:
      try buffer.forEachChunk(in: bounds) { try check($0, $1) }
    default:
      for (byte, index) in zip(Array(buffer[bounds]), bounds) { try check(byte, index) }
    }
    if let error = buffer.error { throw error }
  }

  /// What an index is in the file: a slice counts from its base's start, which is the file's.
  private func place(_ index: Int) -> Int {
    Int(buffer.fileRange.lowerBound) - buffer.startIndex + index
  }

  private func check(_ bytes: RawSpan, _ index: Int) throws {
    if !bytes.followsPattern(from: place(index), seed: seed) {
      throw SoakMismatch("a buffer from \(start) on, \(bytes.byteCount) bytes at \(index)", file)
    }
  }

  private func check(_ byte: UInt8, _ index: Int) throws {
    // A byte that could not be had is 0, and the error tells why.
    if byte == PatternFile.byte(place(index), seed: seed) || buffer.error != nil { return }
    throw SoakMismatch("a buffer from \(start) on, the byte at \(index)", file)
  }
}
