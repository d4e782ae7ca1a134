/// Which of the ghosts that were numbered in turn are still there: what a queue of ghosts is without their names.
///
/// A bit for each number, in a ring; ghosts taken out of the middle leave gaps until these come to the front. Every
/// operation is O(1), amortized for gaps.
struct GhostQueue: Sendable {
  /// The number of the longest gone; `max` where there is none.
  private(set) var first = UInt32.max
  /// How many ghosts there are.
  private(set) var count = 0
  /// Set for those that are there; a power of two of words.
  private var bits: [UInt64]

  /// An empty queue with room for `range` numbers from the first on, at least.
  init(range: Int) {
    var words = 1
    while 64 * words < range { words *= 2 }
    bits = Array(repeating: 0, count: words)
  }

  /// Whether a number is so far from the first that there is room for it.
  @inline(__always)
  func hasRoom(for number: UInt32) -> Bool {
    count == 0 || Int(number &- first) < 64 &* bits.count
  }

  /// Puts a number at the end that is higher than all before.
  @inline(__always)
  mutating func append(_ number: UInt32) {
    if count == 0 { first = number }
    count &+= 1
    flip(number)
  }

  /// Takes one out that is there.
  @inline(__always)
  mutating func remove(_ number: UInt32) {
    flip(number)
    count &-= 1
    if number == first { passGaps() }
  }

  /// Forgets the longest gone.
  @inline(__always)
  mutating func removeFirst() { remove(first) }

  /// Traps unless the count is right and the first is there. O(n).
  func checkInvariants() {
    precondition(bits.reduce(0) { $0 + $1.nonzeroBitCount } == count, "a queue's count is wrong")
    precondition(count == 0 ? first == .max : bitsFromFirst & 1 == 1, "a queue begins with a gap")
  }

  /// The first number's bit and those behind it in its word.
  @inline(__always)
  private var bitsFromFirst: UInt64 {
    bits[Int(first >> 6) & (bits.count &- 1)] >> UInt64(first & 63)
  }

  @inline(__always)
  private mutating func flip(_ number: UInt32) {
    bits[Int(number >> 6) & (bits.count &- 1)] ^= 1 << UInt64(number & 63)
  }

  @inline(__always)
  private mutating func passGaps() {
    if count == 0 {
      first = .max
      return
    }
    while bitsFromFirst == 0 { first = (first | 63) &+ 1 }
    first &+= UInt32(truncatingIfNeeded: bitsFromFirst.trailingZeroBitCount)
  }
}
