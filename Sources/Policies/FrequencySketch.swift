internal import MapProtocols

/// How often keys were asked for lately, about: a count-min sketch of four-bit counters that halves all of them every so
/// often.
///
/// A key has four counters, all in one block of 64 bytes, and its frequency is the least of them; others that share them
/// can only raise it. Once ten times as many uses were noted as regions fit, every counter is halved, so that what was
/// used long ago loses its weight. Every operation is O(1); halving takes O(n), once in 10 n.
struct FrequencySketch: Sendable {
  /// Sixteen counters in each word, eight words in each block. A power of two.
  private var words: [UInt64] = Array(repeating: 0, count: 8)
  /// Uses noted since the counters were halved last, themselves halved with these.
  private var additions = 0
  private var capacity = 1

  /// The most words there will be: one for each region that fits, at least a block.
  private var mostWords: Int { capacity > 1 << 40 ? 1 << 40 : max(capacity, 8) }

  /// How many uses are noted between two halvings.
  private var sampleSize: Int { 10 * min(capacity, words.count) }

  /// What `note` and `frequency` take for a key; `seed` makes it unforeseeable.
  static func hash(of key: RegionKey, seed: UInt64) -> UInt64 {
    var source = SplitMix64(seed: key.ghostName ^ seed)
    return source.next()
  }

  /// Tells how many regions fit. What was counted stays.
  mutating func setCapacity(_ regions: Int) { capacity = max(regions, 1) }

  /// Makes sure that there is a word for each of `regions`, or of those that fit, if they are fewer. O(1) amortized.
  ///
  /// Not all at once for the capacity, which may have no limit. A doubled sketch gives the same frequencies: both blocks
  /// that keys of one block may belong to now begin as its copies.
  mutating func grow(for regions: Int) {
    while words.count < min(regions, mostWords) { words += words }
  }

  /// Notes a use. O(1) amortized.
  mutating func note(_ hash: UInt64) {
    var isAdded = false
    for row in 0..<4 {
      let (word, shift) = place(hash, row)
      if words[word] >> shift & 15 < 15 {
        words[word] += 1 << shift
        isAdded = true
      }
    }
    guard isAdded else { return }
    additions += 1
    if additions >= sampleSize { halve() }
  }

  /// About how often a key was used lately, 0...15. O(1).
  func frequency(of hash: UInt64) -> Int {
    var least: UInt64 = 15
    for row in 0..<4 {
      let (word, shift) = place(hash, row)
      least = min(least, words[word] >> shift & 15)
    }
    return Int(least)
  }

  private func place(_ hash: UInt64, _ row: Int) -> (word: Int, shift: UInt64) {
    let block = Int(truncatingIfNeeded: hash) & (words.count / 8 - 1)
    let choice = hash >> UInt64(32 + 8 * row)
    return (8 * block + 2 * row + Int(choice & 1), (choice >> 1 & 15) * 4)
  }

  private mutating func halve() {
    var odd = 0
    for index in words.indices {
      odd += (words[index] & 0x1111_1111_1111_1111).nonzeroBitCount
      words[index] = words[index] >> 1 & 0x7777_7777_7777_7777
    }
    additions = (additions - odd / 4) / 2
  }
}
