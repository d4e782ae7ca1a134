public import SystemPackage

/// Files whose content follows from a seed.
public enum PatternFile {
  /// Writes `byteCount` bytes of seeded noise.
  ///
  /// - Parameters:
  ///   - mask: the bits of each word that are not left out.
  ///   - piece: bytes for each write(2), a multiple of 8. The page cache may keep each in one folio, which a touch of any
  ///     of its pages maps whole.
  public static func write(
    _ path: FilePath, byteCount: Int, seed: UInt64, mask: UInt64 = .max, piece: Int = 1 << 20
  ) throws {
    let file = try FileDescriptor.open(
      path, .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
    defer { try? file.close() }
    try write(file, byteCount: byteCount, seed: seed, mask: mask, piece: piece)
  }

  /// The same to an open file, from where it stands.
  public static func write(
    _ file: FileDescriptor, byteCount: Int, seed: UInt64, mask: UInt64 = .max, piece: Int = 1 << 20
  ) throws {
    var generator = SeededGenerator(seed: seed)
    var block = [UInt64](repeating: 0, count: piece / 8)
    var left = byteCount
    while left > 0 {
      for index in block.indices { block[index] = generator.next() & mask }
      let count = min(left, block.count * 8)
      try unsafe block.withUnsafeBytes { bytes in
        _ = try unsafe file.writeAll(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
      }
      left -= count
    }
  }

  /// The word of number `index` in a file that `write` filled: the generator counts, so any of its numbers can be had.
  @inlinable
  public static func word(_ index: Int, seed: UInt64) -> UInt64 {
    var generator = SeededGenerator(seed: seed, after: index)
    return generator.next()
  }

  /// The byte at `offset` in a file that `write` filled.
  @inlinable
  public static func byte(_ offset: Int, seed: UInt64) -> UInt8 {
    UInt8(truncatingIfNeeded: word(offset / 8, seed: seed) >> UInt64(offset % 8 * 8))
  }

  /// Appends bytes to a file of `range.lowerBound` bytes that `write` filled, as if it had gone on.
  public static func grow(_ path: FilePath, _ range: Range<Int>, seed: UInt64) throws {
    let file = try FileDescriptor.open(path, .writeOnly, options: .append)
    defer { try? file.close() }
    _ = try file.writeAll(range.map { byte($0, seed: seed) })
  }
}
