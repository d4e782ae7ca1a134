import Benchmark
import SlidingMap

/// The measured loops of cursors, each a function of its own; what the loop calls is inlined into it as it would be in a
/// user's program.
enum Loops {
  @inline(never)
  static func useAndLoad(
    _ cursor: inout WindowCursor, _ offsets: [Int64]
  ) throws(MapError) -> UInt64 {
    var sum: UInt64 = 0
    for offset in offsets {
      try cursor.use(at: offset, count: 8)
      sum &+= cursor.bytes.word(at: 0)
    }
    return sum
  }

  @inline(never)
  static func useLoadAndRelease(
    _ cursor: inout WindowCursor, _ offsets: [Int64]
  ) throws(MapError) -> UInt64 {
    var sum: UInt64 = 0
    for offset in offsets {
      try cursor.use(at: offset, count: 8)
      sum &+= cursor.bytes.word(at: 0)
      cursor.release()
    }
    return sum
  }

  /// Eight windows at once, a word from each.
  @inline(never)
  static func useWide(_ cursor: inout WindowCursor, _ offsets: [Int64]) throws -> UInt64 {
    var sum: UInt64 = 0
    for offset in offsets {
      try cursor.withBytes(at: offset, count: 8 << 20) { bytes in
        for window in 0..<8 { sum &+= bytes.word(at: window << 20) }
      }
    }
    return sum
  }

  /// The plain side: the same loads, bounds-checked, from a mapping.
  @inline(never)
  static func load(_ mapping: UnsafeRawBufferPointer, _ offsets: [Int64]) -> UInt64 {
    let bytes = unsafe mapping.bytes
    var sum: UInt64 = 0
    for offset in offsets { sum &+= bytes.word(at: Int(offset)) }
    return sum
  }

  /// The plain side of `useWide`.
  @inline(never)
  static func loadWide(_ mapping: UnsafeRawBufferPointer, _ offsets: [Int64]) -> UInt64 {
    let bytes = unsafe mapping.bytes
    var sum: UInt64 = 0
    for offset in offsets {
      for window in 0..<8 { sum &+= bytes.word(at: Int(offset) + window << 20) }
    }
    return sum
  }
}

extension RawSpan {
  /// The eight bytes at `offset`, bounds-checked.
  @inline(__always)
  func word(at offset: Int) -> UInt64 {
    // Any bytes make a UInt64, and the load itself checks the bounds.
    unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
  }
}

/// Takes a value so that the work behind it is done.
@inline(never)
@_optimize(none)
func keep(_ value: UInt64) {}
