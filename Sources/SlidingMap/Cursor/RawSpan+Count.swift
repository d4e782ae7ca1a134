extension RawSpan {
  /// How many of the bytes equal `byte`: newlines are lines.
  ///
  /// As fast as memory is read, also where a closure for each byte is slow: in debug builds, and at the top level of a
  /// program, where each call of a closure checks which actor it runs on.
  ///
  /// ```swift
  /// lines += cursor.bytes.count(of: UInt8(ascii: "\n"))
  /// ```
  ///
  /// - Parameter byte: the value to look for.
  /// - Returns: a number from 0 to `byteCount`.
  /// - Complexity: O(n) for n bytes, 16 at a time.
  public func count(of byte: UInt8) -> Int {
    let pattern = Block(repeating: byte)
    var count = 0
    var offset = 0
    while byteCount &- offset >= Block.scalarCount {
      // Each lane counts its own matches, and can hold 255.
      let end =
        offset &+ Swift.min((byteCount &- offset) / Block.scalarCount, 255) &* Block.scalarCount
      var sums = Block()
      while offset < end {
        // In bounds: whole blocks end at or before `end`, and that at or before `byteCount`.
        let block = unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: Block.self)
        // A mask's lane is 0 or -1. Other ways to add 1 where lanes match are ten times slower in debug builds.
        sums &-= unsafe unsafeBitCast(block .== pattern, to: Block.self)
        offset &+= Block.scalarCount
      }
      for lane in sums.indices { count &+= Int(sums[lane]) }
    }
    while offset < byteCount {
      if unsafe unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self) == byte { count &+= 1 }
      offset &+= 1
    }
    return count
  }
}

/// The widest that every processor of the package's platforms has an instruction for. Wider ones were slower or, from 64 on,
/// no longer vectors at all.
private typealias Block = SIMD16<UInt8>
