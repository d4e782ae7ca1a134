import FuzzSupport
import SlidingMap

/// A buffer that knows what it should show.
struct ModelBuffer {
  let buffer: MapBuffer
  let file: ModelFile
  private let version: Int
  /// The file's offset of index 0.
  private let origin: Int
  private var isSpoiled = false

  init(_ buffer: MapBuffer, _ file: ModelFile, range: Range<Int64>?) {
    let expected = (range ?? 0..<Int64.max).clamped(to: 0..<Int64(file.size))
    if buffer.startIndex != 0 || buffer.fileRange != expected || buffer.count != expected.count {
      fail("a buffer for \(String(describing: range)) of \(file.size) shows \(buffer.fileRange)")
    }
    self.buffer = buffer
    self.file = file
    version = file.latest
    origin = Int(expected.lowerBound)
  }

  /// Reads some bytes in one of many ways.
  mutating func read(_ choices: inout Choices, _ around: Surroundings) {
    let first = choices.pick(buffer.count + 1)
    let length = choices.oneIn(4) ? choices.pick(100_000) : choices.pick(300)
    let bounds = first..<min(first + length, buffer.count)
    let way = choices.pick(10)
    do throws(MapError) {
      switch way {
      case 0: try lend(bounds, around)
      case 1: try lendChunks(bounds, around)
      case 2: try copy(bounds, around)
      case 3: try find(bounds, &choices, around)
      case 4: buffer.release()
      default: readWithoutErrors(way, bounds, around)
      }
    } catch {
      explain(error, bounds, around)
    }
    guard let error = buffer.error, !isSpoiled else { return }
    isSpoiled = true
    explain(error, bounds, around)
  }

  private func explain(_ error: MapError, _ bounds: Range<Int>, _ around: Surroundings) {
    // A search and a walk look further than what is found.
    let range = error.range.map { Int(clamping: $0.lowerBound)..<Int(clamping: $0.upperBound) }
    let asked = range ?? origin + bounds.lowerBound..<origin + bounds.upperBound
    if !error.isExplained(by: file, since: version, asked, in: around) {
      fail("a buffer at \(origin), \(bounds): \(error), \(description), \(around)")
    }
  }

  private func lend(_ bounds: Range<Int>, _ around: Surroundings) throws(MapError) {
    let (count, look) = try buffer.withBytes(in: bounds) { bytes throws(MapError) in
      (bytes.byteCount, self.look(bytes, bounds.lowerBound, around))
    }
    expect(look, count == bounds.count, "withBytes(in: \(bounds)), \(count) bytes")
  }

  private func lendChunks(_ bounds: Range<Int>, _ around: Surroundings) throws(MapError) {
    var next = bounds.lowerBound
    var looks: [Look] = []
    try buffer.forEachChunk(in: bounds) { bytes, index throws(MapError) in
      if index != next || bytes.isEmpty { fail("a chunk at \(index), not \(next)") }
      next += bytes.byteCount
      // Whether bytes were missing is told before the next chunk.
      if looks.last.map({ $0 != .right }) ?? false { fail("a chunk behind one that was not right") }
      looks.append(self.look(bytes, index, around))
    }
    expect(looks.last ?? .right, next == bounds.upperBound, "chunks of \(bounds) to \(next)")
  }

  private func copy(_ bounds: Range<Int>, _ around: Surroundings) throws(MapError) {
    var target = [UInt8](repeating: 0xAA, count: bounds.count + 1)
    do {
      var span = target.mutableSpan
      var bytes = unsafe span.mutableBytes
      try buffer.copyBytes(in: bounds, to: &bytes)
    }
    let isRight = isRight(target.dropLast(), bounds.lowerBound, around)
    expect(.right, isRight && target.last == 0xAA, "copyBytes(in: \(bounds))")
  }

  /// Looks for what is there, in a file that has not changed.
  private func find(
    _ bounds: Range<Int>, _ choices: inout Choices, _ around: Surroundings
  ) throws(MapError) {
    let content = file.versions[version][origin..<origin + buffer.count]
    let start = choices.pick(content.count + 1)
    let pattern = Array(content.dropFirst(start).prefix(choices.pick(5)))
    let found = try buffer.firstRange(of: pattern, in: bounds)
    if file.latest > version { return }
    let expected = ModelBuffer.firstRange(of: pattern, in: content, bounds)
    if found != expected {
      fail("found \(String(describing: found)), not \(String(describing: expected))")
    }
    guard let byte = pattern.first, buffer.error == nil else { return }
    let isThere = buffer[bounds].contains(byte)
    let index = buffer[bounds].firstIndex(of: byte)
    let place = ModelBuffer.firstRange(of: [byte], in: content, bounds)?.lowerBound
    if buffer.error != nil { return }
    if isThere != (place != nil) || index != place {
      fail("\(byte) at \(String(describing: index))")
    }
  }

  private static func firstRange(
    of pattern: [UInt8], in content: ArraySlice<UInt8>, _ bounds: Range<Int>
  ) -> Range<Int>? {
    if pattern.isEmpty { return bounds.lowerBound..<bounds.lowerBound }
    let start = content.startIndex + bounds.lowerBound
    return place(of: pattern, in: content[start..<start + bounds.count]).map {
      bounds.lowerBound + $0..<bounds.lowerBound + $0 + pattern.count
    }
  }

  /// What can't throw gives zeros, and sets the error.
  private func readWithoutErrors(_ way: Int, _ bounds: Range<Int>, _ around: Surroundings) {
    let slice = buffer[bounds]
    if slice.startIndex != bounds.lowerBound || slice.count != bounds.count {
      fail("slice \(bounds)")
    }
    let bytes: [UInt8]
    switch way {
    case 5: bytes = Array(slice)
    case 6: bytes = slice.reduce(into: []) { $0.append($1) }
    case 7:
      let sum = slice.reduce(0) { $0 + Int($1) }
      bytes = Array(slice)
      let isSteady = file.latest == version && buffer.error == nil
      if isSteady && sum != bytes.reduce(0, { $0 + Int($1) }) { fail("\(bounds) add up to \(sum)") }
    case 8:
      bytes = unsafe slice.withContiguousStorageIfAvailable { unsafe Array($0) } ?? Array(slice)
    default: bytes = bounds.prefix(20).map { buffer[$0] }
    }
    let isWhole = bytes.count == (way == 9 ? min(bounds.count, 20) : bounds.count)
    expect(
      .right, isWhole && (buffer.error != nil || isRight(bytes, bounds.lowerBound, around)),
      "way \(way), \(bounds), \(bytes.count) bytes")
  }

  // MARK: Judging

  private func look(_ bytes: RawSpan, _ index: Int, _ around: Surroundings) -> Look {
    Look(
      bytes, at: origin + index, of: file, around.setup,
      around.setup.versions(of: file, since: version))
  }

  /// Whether bytes that may come from several windows are right.
  private func isRight(_ bytes: some Sequence<UInt8>, _ index: Int, _ around: Surroundings) -> Bool
  {
    mayBeMixed(
      bytes, at: origin + index, of: file, around.setup.versions(of: file, since: version))
  }

  private func expect(_ look: Look, _ isSound: Bool, _ what: String) {
    if look != .right || !isSound {
      fail("a buffer at \(origin), \(what): \(look), \(description)")
    }
  }

  private var description: String {
    "of version \(version) of \(file.latest), \(buffer.count) of \(file.size) bytes, cut \(file.wasCut), lost \(file.mayBeLost)"
  }
}
