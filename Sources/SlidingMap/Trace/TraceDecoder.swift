public import MapProtocols
public import SystemPackage

/// Reads recordings in the compact format, in pieces as they come from a file, a pipe or a decompressor.
///
/// ```swift
/// try TraceDecoder.read("/tmp/accesses.trace") { access in windows.insert(access.region) }
/// ```
///
/// A recording that was cut short, by a full disk or a program that ended, gives all accesses that it has whole, and then
/// `.incompleteTrace`. One that is damaged gives those before the damage, and then `.invalidTrace`, unless what is there by chance means
/// other accesses: the format has no checksum.
public struct TraceDecoder: Sendable {
  /// The bytes that a recording in the compact format begins with.
  public static let magic = TraceEncoder.magic

  private var regions: [(file: UInt64, window: Int, byteCount: Int)] = []
  /// What of a header or an access has come.
  private var begun: [UInt8] = []
  private var isPastHeader = false
  /// How many bytes have come.
  private var position: Int64 = 0
  /// Why nothing more is read: past the first wrong byte numbers mean nothing.
  private var damage: MapError?

  /// A decoder that stands before a recording's first byte. O(1).
  public init() {}

  /// Calls `body` with the accesses of the next piece; an access that ends in a later piece comes with that.
  ///
  /// - Throws: `.invalidTrace` where the bytes are no recording in the compact format, after the accesses before. Its range tells which
  ///   bytes, counted from the recording's first. All later calls throw the same.
  /// - Complexity: O(bytes).
  public mutating func decode(
    _ piece: some Sequence<UInt8>, _ body: (TraceAccess) -> Void
  ) throws(MapError) {
    if let damage { throw damage }
    do throws(MapError) {
      for byte in piece {
        position += 1
        if isPastHeader, begun.isEmpty, byte != 0, byte < 0x80 {
          // By far most accesses are a single byte.
          try body(access(to: UInt64(byte)))
          continue
        }
        begun.append(byte)
        if isPastHeader {
          if let access = try decodeBegun() {
            begun.removeAll(keepingCapacity: true)
            body(access)
          }
        } else {
          try checkHeader(byte)
        }
      }
    } catch {
      let wrong = error.about(nil, range: position - Int64(max(begun.count, 1))..<position)
      damage = wrong
      throw wrong
    }
  }

  /// Checks that nothing is missing. O(1).
  ///
  /// - Throws: `.incompleteTrace` if the last piece ended within the header or within an access: the recording was cut short. Its range
  ///   has the bytes of what was begun. What `decode` threw, if it did.
  public func finish() throws(MapError) {
    if let damage { throw damage }
    if isPastHeader && begun.isEmpty { return }
    throw MapError(.incompleteTrace, range: position - Int64(begun.count)..<position)
  }

  /// Calls `body` with all accesses of a recording, in order: read(2).
  ///
  /// - Throws: `.openFailed` and `.readFailed` with errno; `.notRegularFile`. After all accesses that could be read, `.incompleteTrace`
  ///   where the recording was cut short within one, or within its first eight bytes; `.invalidTrace` where the rest is no recording in the
  ///   compact format. Both tell the path and which bytes.
  /// - Complexity: O(bytes), in pieces of 64 KiB.
  public static func read(_ path: FilePath, _ body: (TraceAccess) -> Void) throws(MapError) {
    var decoder = TraceDecoder()
    do throws(MapError) {
      let file = try TraceFile(reading: path)
      while true {
        let piece = try file.read(1 << 16)
        if piece.isEmpty { break }
        try decoder.decode(piece, body)
      }
      try decoder.finish()
    } catch {
      throw error.about(.path(path))
    }
  }

  /// Takes notice of the next byte of the header.
  private mutating func checkHeader(_ byte: UInt8) throws(MapError) {
    if byte != Self.magic[begun.count - 1] { throw MapError(.invalidTrace) }
    if begun.count < Self.magic.count { return }
    begun.removeAll()
    isPastHeader = true
  }

  private mutating func decodeBegun() throws(MapError) -> TraceAccess? {
    var rest = begun[...]
    guard let distance = try Self.number(&rest) else { return nil }
    if distance > 0 { return try access(to: distance) }
    guard rest.count > 8 else { return nil }
    let file = rest.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    rest = rest.dropFirst(8)
    guard let window = try Self.count(&rest), let byteCount = try Self.count(&rest) else {
      return nil
    }
    regions.append((file, window, byteCount))
    return try access(to: 1)
  }

  private func access(to distance: UInt64) throws(MapError) -> TraceAccess {
    guard distance <= regions.count else { throw MapError(.invalidTrace) }
    let number = regions.count - Int(distance)
    let region = regions[number]
    return TraceAccess(
      region: number, file: region.file, window: region.window, byteCount: region.byteCount)
  }

  /// Takes a number off the front that this machine can count to; nil if it does not end.
  private static func count(_ bytes: inout ArraySlice<UInt8>) throws(MapError) -> Int? {
    guard let number = try number(&bytes) else { return nil }
    guard let count = Int(exactly: number) else { throw MapError(.invalidTrace) }
    return count
  }

  /// Takes a number off the front; nil if it does not end.
  private static func number(_ bytes: inout ArraySlice<UInt8>) throws(MapError) -> UInt64? {
    var value: UInt64 = 0
    for (index, byte) in bytes.enumerated() {
      // Nine times seven bits and one more.
      if index == 9 && byte > 1 { throw MapError(.invalidTrace) }
      value |= UInt64(byte & 0x7f) << UInt64(7 * index)
      if byte < 0x80 {
        bytes = bytes.dropFirst(index + 1)
        return value
      }
    }
    return nil
  }
}
