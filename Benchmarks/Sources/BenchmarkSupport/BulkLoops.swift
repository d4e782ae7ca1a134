import Glibc
public import SlidingMap

/// The measured loops over whole buffers and their peers over plain memory, each a function of its own; what the loop calls
/// may be inlined into it.
public enum BulkLoops {
  /// No byte of the files searched is this; all are below 128.
  public static let absentByte: UInt8 = 0xFF

  /// The sum of all bytes, one by one.
  @inline(never)
  public static func sum(_ buffer: MapBuffer) -> UInt64 {
    var sum: UInt64 = 0
    for byte in buffer { sum &+= UInt64(byte) }
    return sum
  }

  /// The same of plain memory.
  @inline(never)
  public static func sum(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var sum: UInt64 = 0
    for index in 0..<bytes.count { sum &+= UInt64(unsafe bytes[index]) }
    return sum
  }

  /// The sum of all bytes by `reduce`.
  @inline(never)
  public static func reduce(_ buffer: MapBuffer) -> UInt64 { buffer.reduce(0) { $0 &+ UInt64($1) } }

  /// The same of plain memory.
  @inline(never)
  public static func reduce(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    unsafe bytes.reduce(0) { $0 &+ UInt64($1) }
  }

  /// Makes an array of all bytes.
  @inline(never)
  public static func array(_ buffer: MapBuffer) -> UInt64 { sample(Array(buffer)) }

  /// The same of plain memory.
  @inline(never)
  public static func array(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    unsafe sample(Array(bytes))
  }

  /// Copies all bytes by `copyBytes`.
  @inline(never)
  public static func copy(
    _ buffer: MapBuffer, to target: UnsafeMutableRawBufferPointer
  ) throws -> UInt64 {
    var span = unsafe target.mutableBytes
    try buffer.copyBytes(in: 0..<buffer.count, to: &span)
    return unsafe sample(UnsafeRawBufferPointer(target))
  }

  /// The same from plain memory: memcpy(3).
  @inline(never)
  public static func copy(
    _ bytes: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer
  ) -> UInt64 {
    unsafe memcpy(target.baseAddress!, bytes.baseAddress!, bytes.count)
    return unsafe sample(UnsafeRawBufferPointer(target))
  }

  /// The sum of all words by `withBytes`.
  @inline(never)
  public static func sumOfWords(_ buffer: MapBuffer) throws -> UInt64 {
    try buffer.withBytes(in: 0..<buffer.count) { $0.sumOfWords() }
  }

  /// The sum of all words by `forEachChunk`.
  @inline(never)
  public static func sumByChunks(_ buffer: MapBuffer) throws -> UInt64 {
    var sum: UInt64 = 0
    try buffer.forEachChunk(in: 0..<buffer.count) { bytes, _ in sum &+= bytes.sumOfWords() }
    return sum
  }

  /// The same of plain memory.
  @inline(never)
  public static func sumOfWords(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    unsafe bytes.bytes.sumOfWords()
  }

  /// 1 if `absentByte` is there after all: memchr(3).
  @inline(never)
  public static func hasAbsentByte(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    unsafe memchr(bytes.baseAddress!, Int32(absentByte), bytes.count) == nil ? 0 : 1
  }

  /// One byte of each page, in order: whether a copy is one.
  private static func sample(_ bytes: some RandomAccessCollection<UInt8>) -> UInt64 {
    stride(from: 0, to: bytes.count, by: 4096).reduce(0) { sum, place in
      sum &* 31 &+ UInt64(bytes[bytes.index(bytes.startIndex, offsetBy: place)])
    }
  }
}
