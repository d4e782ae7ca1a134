import SlidingMap

/// The measured loops. Each is a function of its own that is never inlined, so that every target that uses it runs the
/// same code; what the loop calls is inlined into it as it would be in a user's program.
enum Loops {
  /// `use` and an 8-byte load at each offset, `passes` times over.
  @inline(never)
  static func useAndLoad(
    _ cursor: inout WindowCursor, _ offsets: [Int64], passes: Int
  ) throws(MapError) -> UInt64 {
    var sum: UInt64 = 0
    for _ in 0..<passes {
      for offset in offsets {
        try cursor.use(at: offset, count: 8)
        sum &+= cursor.bytes.word(at: 0)
      }
    }
    return sum
  }

  /// The same with the lease given up after each load, so that each `use` pins anew.
  @inline(never)
  static func useLoadAndRelease(
    _ cursor: inout WindowCursor, _ offsets: [Int64], passes: Int
  ) throws(MapError) -> UInt64 {
    var sum: UInt64 = 0
    for _ in 0..<passes {
      for offset in offsets {
        try cursor.use(at: offset, count: 8)
        sum &+= cursor.bytes.word(at: 0)
        cursor.release()
      }
    }
    return sum
  }

  /// The peer: the same load, bounds-checked, from a plain mapping of the whole file.
  @inline(never)
  static func load(_ bytes: RawSpan, _ offsets: [Int64], passes: Int) -> UInt64 {
    var sum: UInt64 = 0
    for _ in 0..<passes {
      for offset in offsets { sum &+= bytes.word(at: Int(offset)) }
    }
    return sum
  }

  /// `use` and one byte at each offset: for offsets in windows that are not loaded.
  @inline(never)
  static func useAndTouch(
    _ cursor: inout WindowCursor, _ offsets: [Int64]
  ) throws(MapError) -> UInt64 {
    var sum: UInt64 = 0
    for offset in offsets {
      try cursor.use(at: offset, count: 1)
      sum &+= UInt64(unsafe cursor.bytes.unsafeLoad(fromByteOffset: 0, as: UInt8.self))
    }
    return sum
  }

  /// `use` of each range, and the sum of a word of each of its pages.
  @inline(never)
  static func useAndSum(
    _ cursor: inout WindowCursor, _ requests: [Range<Int64>]
  ) throws(MapError) -> UInt64 {
    var sum: UInt64 = 0
    for range in requests {
      try cursor.use(at: range.lowerBound, count: range.count)
      sum &+= cursor.bytes.sumOfPages()
    }
    return sum
  }

  /// Offsets of whole words in windows `windows`, at random.
  static func offsets(
    _ count: Int, windows: Range<Int>, windowSize: Int = Workbench.windowSize, seed: UInt64
  ) -> [Int64] {
    var generator = SeededGenerator(seed: seed)
    let words = windows.count * windowSize / 8
    return (0..<count).map { _ in
      Int64(windows.lowerBound * windowSize + generator.below(words) * 8)
    }
  }

  /// Uses each window and touches each page, so that all is mapped.
  static func populate(
    _ cursor: inout WindowCursor, windows: Range<Int>, windowSize: Int = Workbench.windowSize
  ) throws {
    for window in windows {
      try cursor.use(at: Int64(window * windowSize), count: windowSize)
      blackHole(cursor.bytes.touchPages())
    }
  }
}

/// Two sides of a pair did not read the same bytes.
struct ChecksumMismatch: Error, CustomStringConvertible {
  let target: String
  var description: String { "\(target): ours and the peer read different bytes" }

  /// Throws unless the two sums agree.
  static func check(_ ours: UInt64, _ peer: UInt64, _ target: String) throws {
    if ours != peer { throw ChecksumMismatch(target: target) }
  }
}
