public import SlidingMap

/// The measured loops of cursors. Each is a function of its own that is never inlined, so that all who measure with it run
/// the same code; what the loop calls is inlined into it as it would be in a user's program.
public enum Loops {
  /// `use` and an 8-byte load at each offset, `passes` times over.
  @inline(never)
  public static func useAndLoad(
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
  public static func useLoadAndRelease(
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
  public static func load(_ bytes: RawSpan, _ offsets: [Int64], passes: Int) -> UInt64 {
    var sum: UInt64 = 0
    for _ in 0..<passes {
      for offset in offsets { sum &+= bytes.word(at: Int(offset)) }
    }
    return sum
  }

  /// Eight windows of 1 MiB at once, a word from each.
  @inline(never)
  public static func useWide(_ cursor: inout WindowCursor, _ offsets: [Int64]) throws -> UInt64 {
    var sum: UInt64 = 0
    for offset in offsets {
      try cursor.withBytes(at: offset, count: 8 << 20) { bytes in
        for window in 0..<8 { sum &+= bytes.word(at: window << 20) }
      }
    }
    return sum
  }

  /// The peer of `useWide`.
  @inline(never)
  public static func loadWide(_ bytes: RawSpan, _ offsets: [Int64]) -> UInt64 {
    var sum: UInt64 = 0
    for offset in offsets {
      for window in 0..<8 { sum &+= bytes.word(at: Int(offset) + window << 20) }
    }
    return sum
  }

  /// `use` and one byte at each offset: for offsets in windows that are not loaded.
  @inline(never)
  public static func useAndTouch(
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
  public static func useAndSum(
    _ cursor: inout WindowCursor, _ requests: [Range<Int64>]
  ) throws(MapError) -> UInt64 {
    var sum: UInt64 = 0
    for range in requests {
      try cursor.use(at: range.lowerBound, count: range.count)
      sum &+= cursor.bytes.sumOfPages()
    }
    return sum
  }

  /// The peer of `useAndSum`.
  @inline(never)
  public static func sum(_ bytes: RawSpan, _ requests: [Range<Int64>]) -> UInt64 {
    var sum: UInt64 = 0
    for range in requests {
      sum &+= bytes.extracting(Int(range.lowerBound)..<Int(range.upperBound)).sumOfPages()
    }
    return sum
  }

  /// `use` of each range, and the sum of all its words.
  @inline(never)
  public static func useAndSumAll(
    _ cursor: inout WindowCursor, _ requests: [Range<Int64>]
  ) throws(MapError) -> UInt64 {
    var sum: UInt64 = 0
    for range in requests {
      try cursor.use(at: range.lowerBound, count: range.count)
      sum &+= cursor.bytes.sumOfWords()
    }
    return sum
  }

  /// The peer of `useAndSumAll`.
  @inline(never)
  public static func sumAll(_ bytes: RawSpan, _ requests: [Range<Int64>]) -> UInt64 {
    var sum: UInt64 = 0
    for range in requests {
      sum &+= bytes.extracting(Int(range.lowerBound)..<Int(range.upperBound)).sumOfWords()
    }
    return sum
  }

  /// Offsets of whole words in windows `windows`, at random.
  public static func offsets(
    _ count: Int, windows: Range<Int>, windowSize: Int = 1 << 20, seed: UInt64
  ) -> [Int64] {
    var generator = SeededGenerator(seed: seed)
    let words = windows.count * windowSize / 8
    return (0..<count).map { _ in
      Int64(windows.lowerBound * windowSize + generator.below(words) * 8)
    }
  }

  /// Uses each window and touches each page, so that all is mapped.
  public static func populate(
    _ cursor: inout WindowCursor, windows: Range<Int>, windowSize: Int = 1 << 20
  ) throws {
    for window in windows {
      try cursor.use(at: Int64(window * windowSize), count: windowSize)
      blackHole(cursor.bytes.touchPages())
    }
  }
}
