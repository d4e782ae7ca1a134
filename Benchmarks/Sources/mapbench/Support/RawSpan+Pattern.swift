import BenchmarkSupport

extension RawSpan {
  /// Whether each of these bytes is the one that `PatternFile.write` puts at its place, the first at `offset`.
  func followsPattern(from offset: Int, seed: UInt64) -> Bool {
    unsafe withUnsafeBytes { bytes in
      let end = offset + bytes.count
      let words = (offset + 7) / 8..<max(end / 8, (offset + 7) / 8)
      var differing: UInt64 = 0
      var generator = SeededGenerator(seed: seed, after: words.lowerBound)
      for word in words {
        let found = unsafe bytes.loadUnaligned(
          fromByteOffset: word &* 8 &- offset, as: UInt64.self)
        differing |= found ^ generator.next()
      }
      // What lies before the first whole word and behind the last.
      for place in offset..<min(words.lowerBound * 8, end) {
        differing |= unsafe UInt64(bytes[place - offset] ^ PatternFile.byte(place, seed: seed))
      }
      for place in max(words.upperBound * 8, offset)..<max(end, words.upperBound * 8)
      where place < end {
        differing |= unsafe UInt64(bytes[place - offset] ^ PatternFile.byte(place, seed: seed))
      }
      return differing == 0
    }
  }
}
