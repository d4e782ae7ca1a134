import SlidingMap
import Testing

/// Bytes counted in spans.
struct CountTests {
  /// Lengths around a block of 16, around the 255 blocks that are added up at one go, and at every alignment.
  @Test(arguments: [
    0, 1, 15, 16, 17, 31, 33, 255 * 16 - 1, 255 * 16, 255 * 16 + 1, 3 * 255 * 16 + 40,
  ])
  func `Every length and alignment is counted as a loop does`(length: Int) {
    var dice = Dice(seed: UInt64(length))
    let bytes = (0..<length + 16).map { _ in UInt8(truncatingIfNeeded: dice.draw(3)) }
    for start in 0..<16 {
      let range = start..<start + length
      for byte: UInt8 in 0...3 {
        let expected = bytes[range].count { $0 == byte }
        let counted = unsafe bytes.span.bytes.extracting(range).count(of: byte)
        #expect(counted == expected)
      }
    }
  }

  @Test(arguments: [UInt8(0), 0x7F, 0x80, 0xFF])
  func `No count overflows where all bytes match`(byte: UInt8) {
    let bytes = [UInt8](repeating: byte, count: 100_003)
    let counts = unsafe (bytes.span.bytes.count(of: byte), bytes.span.bytes.count(of: byte ^ 1))
    #expect(counts == (bytes.count, 0))
  }

  @Test func `Each byte is told from all others`() {
    let bytes = (0..<1024).map { UInt8(truncatingIfNeeded: $0) }
    let counts = (0...255).map { unsafe bytes.span.bytes.count(of: UInt8($0)) }
    #expect(counts == Array(repeating: 4, count: 256))
  }

  @Test func `Lines of a file are counted window by window`() throws {
    let scratch = try Scratch()
    let path = try scratch.resize("zeros", to: 100_000)
    let maps = SlidingWindowMapManager(budget: .fixed(bytes: 1 << 16), windowSize: 4096)
    var cursor = try maps.cursor(for: path)
    var zeros = 0
    var offset: Int64 = 0
    while try cursor.use(at: offset) {
      zeros += cursor.bytes.count(of: 0)
      offset = cursor.range.upperBound
    }
    #expect(zeros == 100_000)
  }
}
