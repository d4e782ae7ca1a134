import Benchmark
import Glibc
import SlidingMap
import SystemPackage

/// What goes through all 64 MiB of a buffer.
enum BufferBenchmarks {
  private static let byteCount = 64 << 20
  /// No byte of a `NoiseFile` is this.
  private static let absentByte: UInt8 = 0xFF

  static func register() {
    register("buffer.iteration", ours: sum, plain: sum)
    register(
      "buffer.reduce", ours: { $0.reduce(0) { $0 &+ UInt64($1) } }, plain: sum)
    register(
      "buffer.withBytes",
      ours: { buffer in
        try buffer.withBytes(in: 0..<byteCount) { unsafe $0.withUnsafeBytes(sumOfWords) }
      },
      plain: { unsafe sumOfWords($0.bytes) })
    register(
      "buffer.firstIndex", ours: { $0.firstIndex(of: absentByte) == nil ? 0 : 1 }, plain: hasAbsent)
    register("buffer.contains", ours: { $0.contains(absentByte) ? 1 : 0 }, plain: hasAbsent)
    let pattern: [UInt8] = Array(repeating: 7, count: 15) + [absentByte]
    register(
      "buffer.firstRange", ours: { try $0.firstRange(of: pattern) == nil ? 0 : 1 },
      plain: hasAbsent)
    Comparison.register("buffer.copyBytes", .one, copying)
  }

  private static func register(
    _ name: String, ours: @escaping (MapBuffer) throws -> UInt64,
    plain: @escaping (NoiseFile) -> UInt64
  ) {
    Comparison.register(name) {
      let (file, maps, buffer) = try make()
      return Comparison(
        ours: { try ours(buffer) }, plain: { plain(file) },
        misses: { maps.statistics.misses })
    }
  }

  private static func copying() throws -> Comparison {
    let (file, maps, buffer) = try make()
    let target = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 4096)
    return Comparison(
      ours: {
        var span = unsafe target.mutableBytes
        try buffer.copyBytes(in: 0..<byteCount, to: &span)
        return unsafe UInt64(target[byteCount - 1])
      },
      plain: {
        unsafe memcpy(target.baseAddress!, file.bytes.baseAddress!, byteCount)
        return unsafe UInt64(target[byteCount - 1])
      },
      misses: { maps.statistics.misses })
  }

  private static func make() throws -> (NoiseFile, MapManager, MapBuffer) {
    let file = try NoiseFile(byteCount: byteCount)
    let maps = SlidingWindowMapManager(budget: .unlimited)
    _ = try file.populatedCursor(maps)
    return (file, maps, try maps.buffer(for: file.descriptor))
  }

  @inline(never)
  private static func sum(_ buffer: MapBuffer) -> UInt64 {
    var sum: UInt64 = 0
    for byte in buffer { sum &+= UInt64(byte) }
    return sum
  }

  @inline(never)
  private static func sum(_ file: NoiseFile) -> UInt64 {
    let bytes = unsafe file.bytes
    var sum: UInt64 = 0
    for index in 0..<bytes.count { sum &+= UInt64(unsafe bytes[index]) }
    return sum
  }

  @inline(never)
  private static func sumOfWords(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var sum: UInt64 = 0
    for index in 0..<bytes.count / 8 {
      sum &+= unsafe bytes.loadUnaligned(fromByteOffset: index &* 8, as: UInt64.self)
    }
    return sum
  }

  /// The plain side of all searches: memchr(3).
  @inline(never)
  private static func hasAbsent(_ file: NoiseFile) -> UInt64 {
    unsafe memchr(file.bytes.baseAddress!, Int32(absentByte), file.bytes.count) == nil ? 0 : 1
  }
}
