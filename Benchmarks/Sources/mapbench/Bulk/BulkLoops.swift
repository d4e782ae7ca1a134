import Glibc
import SlidingMap

/// The measured loops, each a function of its own; what the loop calls may be inlined into it.
enum BulkLoops {
  @inline(never)
  static func sum(_ buffer: MapBuffer) -> UInt64 {
    var sum: UInt64 = 0
    for byte in buffer { sum &+= UInt64(byte) }
    return sum
  }

  @inline(never)
  static func sum(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var sum: UInt64 = 0
    for index in 0..<bytes.count { sum &+= UInt64(unsafe bytes[index]) }
    return sum
  }

  @inline(never)
  static func reduce(_ buffer: MapBuffer) -> UInt64 { buffer.reduce(0) { $0 &+ UInt64($1) } }

  @inline(never)
  static func reduce(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    unsafe bytes.reduce(0) { $0 &+ UInt64($1) }
  }

  @inline(never)
  static func array(_ buffer: MapBuffer) -> UInt64 { sample(Array(buffer)) }

  @inline(never)
  static func array(_ bytes: UnsafeRawBufferPointer) -> UInt64 { unsafe sample(Array(bytes)) }

  @inline(never)
  static func copy(
    _ buffer: MapBuffer, to target: UnsafeMutableRawBufferPointer
  ) throws -> UInt64 {
    var span = unsafe target.mutableBytes
    try buffer.copyBytes(in: 0..<buffer.count, to: &span)
    return unsafe sample(UnsafeRawBufferPointer(target))
  }

  @inline(never)
  static func copy(
    _ bytes: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer
  ) -> UInt64 {
    unsafe memcpy(target.baseAddress!, bytes.baseAddress!, bytes.count)
    return unsafe sample(UnsafeRawBufferPointer(target))
  }

  @inline(never)
  static func sumOfWords(_ buffer: MapBuffer) throws -> UInt64 {
    try buffer.withBytes(in: 0..<buffer.count) { $0.sumOfWords() }
  }

  @inline(never)
  static func sumByChunks(_ buffer: MapBuffer) throws -> UInt64 {
    var sum: UInt64 = 0
    try buffer.forEachChunk(in: 0..<buffer.count) { bytes, _ in sum &+= bytes.sumOfWords() }
    return sum
  }

  @inline(never)
  static func sumOfWords(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    unsafe bytes.bytes.sumOfWords()
  }

  @inline(never)
  static func hasAbsentByte(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    unsafe memchr(bytes.baseAddress!, Int32(BulkOperation.absentByte), bytes.count) == nil ? 0 : 1
  }

  /// One byte of each page, in order: whether a copy is one.
  private static func sample(_ bytes: some RandomAccessCollection<UInt8>) -> UInt64 {
    stride(from: 0, to: bytes.count, by: 4096).reduce(0) { sum, place in
      sum &* 31 &+ UInt64(bytes[bytes.index(bytes.startIndex, offsetBy: place)])
    }
  }
}
