import BenchmarkSupport

/// The words of a file's content, each of which tells where it belongs: the file's name, which file under that name it is,
/// the write that it came with, and its place. So neither zeros nor bytes of another file, place or time are ever right.
///
/// From the highest bits: slot + 1 (8), serial (16), generation (12), offset / 8 (28).
struct ContentWords {
  static let mostSlots = 255
  static let mostSerials: UInt32 = 1 << 16
  static let mostGenerations: UInt32 = 1 << 12

  /// The word at offset 0; each further one is larger by 1.
  private let first: UInt64

  init(slot: Int, serial: UInt32, generation: UInt32) {
    first = UInt64(slot + 1) << 56 | UInt64(serial) << 40 | UInt64(generation) << 28
  }

  /// The word that the byte at `offset` lies in.
  func word(at offset: Int) -> UInt64 { first + UInt64(offset / 8) }

  /// The byte at `offset`; words are little-endian.
  func byte(at offset: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: word(at: offset) >> UInt64(offset % 8 * 8))
  }

  /// The bytes of a range, however it lies to the words.
  func bytes(in range: Range<Int>) -> [UInt8] {
    let words = (range.lowerBound / 8..<(range.upperBound + 7) / 8).map {
      word(at: $0 * 8).littleEndian
    }
    let start = range.lowerBound % 8
    return unsafe words.withUnsafeBytes { unsafe Array($0[start..<start + range.count]) }
  }

  /// Whether these are the bytes from `offset` on.
  func are(_ bytes: RawSpan, from offset: Int) -> Bool {
    let end = offset + bytes.byteCount
    let firstWhole = min((offset + 7) & ~7, end)
    let lastWhole = max(end & ~7, firstWhole)
    func isByteRight(_ place: Int) -> Bool {
      unsafe bytes.unsafeLoad(fromByteOffset: place - offset, as: UInt8.self) == byte(at: place)
    }
    var place = firstWhole
    while place < lastWhole {
      if bytes.word(at: place - offset).littleEndian != word(at: place) { return false }
      place += 8
    }
    return (offset..<firstWhole).allSatisfy(isByteRight)
      && (lastWhole..<end).allSatisfy(isByteRight)
  }
}
