extension RawSpan {
  /// The eight bytes at `offset`, bounds-checked; both sides of every comparison load with this.
  @inlinable
  @inline(__always)
  public func word(at offset: Int) -> UInt64 {
    // Any bytes make a UInt64, and the load itself checks the bounds.
    unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
  }

  /// The sum of all whole words: what a scan does with its bytes.
  @inline(never)
  public func sumOfWords() -> UInt64 {
    unsafe withUnsafeBytes { buffer in
      var sum: UInt64 = 0
      for index in 0..<buffer.count / 8 {
        sum &+= unsafe buffer.loadUnaligned(fromByteOffset: index &* 8, as: UInt64.self)
      }
      return sum
    }
  }

  /// The sum of the first word of each page.
  @inline(never)
  public func sumOfPages() -> UInt64 {
    var sum: UInt64 = 0
    var offset = 0
    while offset + 8 <= byteCount {
      sum &+= word(at: offset)
      offset += 4096
    }
    return sum
  }

  /// One byte of each page, so that all of them are mapped.
  @inline(never)
  public func touchPages() -> UInt64 {
    var sum: UInt64 = 0
    var offset = 0
    while offset < byteCount {
      sum &+= UInt64(unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self))
      offset += 4096
    }
    return sum
  }
}
