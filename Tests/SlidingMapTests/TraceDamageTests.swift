import MapTesting
import SlidingMap
import SystemPackage
import Testing

/// Recordings that were cut short, damaged, or never were recordings.
struct TraceDamageTests {
  private static let magic = TraceDecoder.magic
  /// A new window: its file, its number in that, its size.
  private static let first: [UInt8] =
    [0] + [1, 2, 3, 4, 5, 6, 7, 8] + [0x85, 0x01] + [0x80, 0x20]

  private struct Outcome: Equatable {
    var accesses: [TraceAccess] = []
    var code: MapError.Code?
    var range: Range<Int64>?
  }

  /// What a decoder makes of bytes that come in pieces.
  private static func decode(_ pieces: [ArraySlice<UInt8>]) -> Outcome {
    var outcome = Outcome()
    var decoder = TraceDecoder()
    let error = mapError {
      for piece in pieces { try decoder.decode(piece) { outcome.accesses.append($0) } }
      try decoder.finish()
    }
    outcome.code = error?.code
    outcome.range = error?.range
    return outcome
  }

  private static func decode(_ bytes: [UInt8]) -> Outcome { decode([bytes[...]]) }

  /// A recording, and which windows it is of.
  private static func recorded(_ scratch: Scratch) throws -> (bytes: [UInt8], windows: [Int]) {
    let requests = RequestTrace.skewed.requests(100)
    let path = try scratch.resize("sparse", to: Int64(requests.max()! + 1) * 4096)
    let maps = SlidingWindowMapManager(windowSize: 4096)
    let recording = try maps.recordTrace(to: scratch["trace"])
    var cursor = try maps.cursor(for: path)
    for window in requests {
      try cursor.use(at: Int64(window) * 4096, count: 1)
      cursor.release()
    }
    let summary = try recording.finish()
    let bytes = try readBytes(of: scratch["trace"], 0..<Int64(summary.byteCount))
    return (bytes, requests)
  }

  @Test func aCutRecordingGivesWhatItHasAndSaysSo() throws {
    let scratch = try Scratch()
    let (bytes, windows) = try Self.recorded(scratch)
    let whole = Self.decode(bytes)
    #expect(whole.code == nil && whole.accesses.map(\.window) == windows)
    var ends: Set<Int> = []
    for count in 0..<bytes.count {
      let cut = Self.decode(Array(bytes[..<count]))
      #expect(cut.accesses == Array(whole.accesses.prefix(cut.accesses.count)))
      #expect(cut.code == nil || cut.code == .incompleteTrace)
      #expect(cut.range.map { $0.upperBound == Int64(count) } ?? true)
      // Where nothing is missing of an access the recording is a whole one, of fewer.
      if cut.code == nil { ends.insert(cut.accesses.count) }
      // By its path, with which the error comes.
      try scratch.write("cut", Array(bytes[..<count]))
      var accesses: [TraceAccess] = []
      let error = mapError { try TraceDecoder.read(scratch["cut"]) { accesses.append($0) } }
      #expect(accesses == cut.accesses && error?.code == cut.code && error?.range == cut.range)
      #expect(error?.source == error.map { _ in .path(scratch["cut"]) })
    }
    #expect(ends == Set(0..<windows.count))
  }

  @Test func piecesMakeNoDifference() throws {
    let scratch = try Scratch()
    let (bytes, _) = try Self.recorded(scratch)
    var dice = Dice(seed: 1)
    for step in 0..<2000 {
      var damaged = bytes
      if step % 4 > 0 {
        for _ in 0...dice.draw(3) { damaged[dice.draw(bytes.count)] = UInt8(dice.draw(256)) }
      }
      damaged.removeLast(dice.draw(2) * dice.draw(bytes.count))
      var cuts = [0, damaged.count] + (0..<dice.draw(8)).map { _ in dice.draw(damaged.count + 1) }
      cuts.sort()
      let pieces = zip(cuts, cuts.dropFirst()).map { damaged[$0..<$1] }
      let outcome = Self.decode(damaged)
      #expect(Self.decode(pieces) == outcome)
      #expect([nil, .incompleteTrace, .invalidTrace].contains(outcome.code))
    }
  }

  /// Bytes, how many accesses come before the wrong ones, and which those are.
  static let wrong: [(bytes: [UInt8], accesses: Int, range: Range<Int64>)] = [
    // Not one that never began.
    (Array("1\n".utf8), 0, 0..<1),
    (Array("SMTRACX".utf8), 0, 0..<7),
    (Array("SMTRACE".utf8) + [2], 0, 0..<8),
    // A window before the first.
    (magic + [1], 0, 8..<9),
    (magic + first + [1, 2, 1], 2, 22..<23),
    (magic + first + [0x80, 0x80, 0x01], 1, 21..<24),
    // Numbers of more than 64 bits, and of more than a count can be.
    (magic + first + [UInt8](repeating: 0xFF, count: 20), 1, 21..<31),
    (magic + first + [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], 1, 21..<31),
    (magic + first.prefix(9) + [UInt8](repeating: 0xFF, count: 9) + [0x01], 0, 8..<27),
    (magic + first.prefix(11) + [UInt8](repeating: 0xFF, count: 9) + [0x01], 0, 8..<29),
  ]

  @Test(arguments: wrong.indices)
  func damageIsToldWithItsPlace(_ index: Int) throws {
    let (bytes, accesses, range) = Self.wrong[index]
    let outcome = Self.decode(bytes)
    #expect(outcome.code == .invalidTrace && outcome.range == range)
    #expect(outcome.accesses.count == accesses)
    let scratch = try Scratch()
    let path = try scratch.write("trace", bytes + [1, 1, 1])
    var count = 0
    let error = mapError { try TraceDecoder.read(path) { _ in count += 1 } }
    #expect(error == MapError(.invalidTrace, source: .path(path), range: range))
    #expect(count == accesses)
  }

  /// Once the bytes are no recording, what follows is none either.
  @Test func nothingIsReadPastTheDamage() {
    var decoder = TraceDecoder()
    let first = mapError { try decoder.decode(Self.magic + Self.first + [9]) { _ in } }
    #expect(first == MapError(.invalidTrace, range: 21..<22))
    var count = 0
    #expect(mapError { try decoder.decode([1, 1]) { _ in count += 1 } } == first)
    #expect(mapError { try decoder.finish() } == first)
    #expect(count == 0)
  }

  @Test func whatIsNoFileIsToldAsSuch() throws {
    let scratch = try Scratch()
    let code = { (path: FilePath) in mapError { try TraceDecoder.read(path) { _ in } }?.code }
    #expect(code(scratch["missing"]) == .openFailed)
    #expect(code("/dev/zero") == .notRegularFile)
    #expect(code(try scratch.write("empty", [])) == .incompleteTrace)
    #expect(code(try scratch.resize("sparse", to: 1 << 40)) == .invalidTrace)
  }
}
