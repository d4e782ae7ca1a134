/// Which of the ghosts that were numbered in turn are still there: what a queue of ghosts is without their names.
///
/// A bit for each, in a ring; those taken out of the middle leave gaps until they come to the front. Numbers have 30 bits
/// and start again from 0. Every operation is O(1), amortized for gaps.
struct GhostQueue: Sendable {
  static let numberMask: UInt32 = 1 << 30 - 1

  /// The number of the longest gone, or of the next one where there is none.
  private var first: UInt32 = 0
  /// Numbers from `first` on that were given; the first of them is there.
  private var length = 0
  /// Set for those that are there; a power of two of words, `first` & mask is the first's bit.
  private var bits: [UInt64] = [0]
  /// How many ghosts there are.
  private(set) var count = 0

  init() {}

  /// A queue of `count` ghosts with the numbers from 0 on.
  private init(count: Int) {
    (self.count, length) = (count, count)
    while 32 * bits.count < count { bits += bits }
    for number in 0..<UInt32(count) { flip(number) }
  }

  /// Whether a number belongs to one that was not forgotten as the longest gone, or out of the middle with all before it.
  @inline(__always)
  func covers(_ number: UInt32) -> Bool {
    distance(number) < length
  }

  /// Whether `renumber` must come before the next number.
  var isFull: Bool { length == 64 &* bits.count }

  /// Gives the next number.
  @inline(__always)
  mutating func append() -> UInt32 {
    let number = (first &+ UInt32(truncatingIfNeeded: length)) & Self.numberMask
    length &+= 1
    count &+= 1
    flip(number)
    return number
  }

  /// Takes one out that is there.
  @inline(__always)
  mutating func remove(_ number: UInt32) {
    flip(number)
    count &-= 1
    if number == first { passGaps() }
  }

  /// Forgets the longest gone.
  mutating func removeFirst() { remove(first) }

  /// Numbers those that are there from 0, in their order, with room for as many again, and returns the new number of each
  /// old one by its distance from the first; those of gaps mean nothing. O(n).
  mutating func renumber() -> [UInt32] {
    var numbers: [UInt32] = []
    var next: UInt32 = 0
    for offset in 0..<UInt32(length) {
      numbers.append(next)
      if isThere((first &+ offset) & Self.numberMask) { next += 1 }
    }
    self = GhostQueue(count: count)
    return numbers
  }

  /// How many numbers were given since that of the longest gone.
  @inline(__always)
  func distance(_ number: UInt32) -> Int { Int((number &- first) & Self.numberMask) }

  /// Traps unless the count is right and the first is there. O(n).
  func checkInvariants() {
    precondition(bits.reduce(0) { $0 + $1.nonzeroBitCount } == count, "a queue's count is wrong")
    precondition(length == 0 || isThere(first), "a queue begins with a gap")
  }

  @inline(__always)
  private func isThere(_ number: UInt32) -> Bool {
    let bit = Int(number) & (64 &* bits.count &- 1)
    return bits[bit >> 6] >> UInt64(bit & 63) & 1 == 1
  }

  @inline(__always)
  private mutating func flip(_ number: UInt32) {
    let bit = Int(number) & (64 &* bits.count &- 1)
    bits[bit >> 6] ^= 1 << UInt64(bit & 63)
  }

  @inline(__always)
  private mutating func passGaps() {
    while length > 0, !isThere(first) {
      first = (first &+ 1) & Self.numberMask
      length &-= 1
    }
  }
}
