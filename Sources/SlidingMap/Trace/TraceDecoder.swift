public import MapProtocols
public import SystemPackage

/// Reads recordings in the compact format, in pieces as they come from a file, a pipe or a decompressor.
///
/// ```swift
/// try TraceDecoder.read("/tmp/accesses.trace") { access in windows.insert(access.region) }
/// ```
public struct TraceDecoder: Sendable {
  /// The bytes that a recording in the compact format begins with.
  public static let magic = TraceEncoder.magic

  private var regions: [(file: UInt64, window: Int, byteCount: Int)] = []
  /// What of a header or an access has come.
  private var begun: [UInt8] = []
  private var isPastHeader = false

  /// A decoder that stands before a recording's first byte. O(1).
  public init() {}

  /// Calls `body` with the accesses of the next piece; an access that ends in a later piece comes with that.
  ///
  /// - Throws: `.invalidTrace` where the bytes are no recording in the compact format.
  /// - Complexity: O(bytes).
  public mutating func decode(
    _ piece: some Sequence<UInt8>, _ body: (TraceAccess) -> Void
  ) throws(MapError) {
    for byte in piece {
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
      } else if begun.count == Self.magic.count {
        if begun != Self.magic { throw MapError(.invalidTrace) }
        begun.removeAll()
        isPastHeader = true
      }
    }
  }

  /// Checks that nothing is missing. O(1).
  ///
  /// - Throws: `.invalidTrace` if the last piece ended within the header or within an access, as when a disk was full.
  public func finish() throws(MapError) {
    guard isPastHeader, begun.isEmpty else { throw MapError(.invalidTrace) }
  }

  /// Calls `body` with all accesses of a recording, in order: read(2).
  ///
  /// - Throws: `.openFailed` and `.readFailed` with errno; `.notRegularFile`; `.invalidTrace`, after what could be read,
  ///   where the rest is no recording in the compact format.
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

  private mutating func decodeBegun() throws(MapError) -> TraceAccess? {
    var rest = begun[...]
    guard let distance = try Self.number(&rest) else { return nil }
    if distance > 0 { return try access(to: distance) }
    guard rest.count > 8 else { return nil }
    let file = rest.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    rest = rest.dropFirst(8)
    guard let window = try Self.number(&rest), let byteCount = try Self.number(&rest) else {
      return nil
    }
    guard let window = Int(exactly: window), let byteCount = Int(exactly: byteCount) else {
      throw MapError(.invalidTrace)
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
