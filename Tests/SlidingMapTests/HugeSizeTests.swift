import SlidingMap
import SystemPackage
import Testing

/// Files as large as a size can say: nothing overflows.
struct HugeSizeTests {
  /// Files of a size that their names say, each byte of which tells its offset.
  private final class Giants: RegionProvider {
    let name = "giants"

    func open(_ source: FileSource) throws(MapError) -> OpenedFile {
      OpenedFile(handle: Handle(rawValue: 1), status: try status(of: source))
    }
    func status(of source: FileSource) throws(MapError) -> FileStatus {
      guard case .name(let name) = source, let size = Int64(name) else {
        throw MapError(.unsupported, source: source)
      }
      return FileStatus(
        identity: FileIdentity(bytes: name.utf8), version: FileVersion(bytes: name.utf8), size: size
      )
    }
    func status(of handle: Handle) throws(MapError) -> FileStatus { throw MapError(.fileChanged) }
    func close(_ handle: Handle) {}
    func read(
      _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(MapError) -> Int {
      for index in buffer.indices { unsafe buffer[index] = Self.byte(offset + Int64(index)) }
      return buffer.count
    }
    static func byte(_ offset: Int64) -> UInt8 {
      UInt8(truncatingIfNeeded: offset &* 0x9E37_79B9 >> 8)
    }
  }

  private static let sizes: [Int64] = [
    .max, .max - 1, .max - 4095, .max - 4096, 1 << 62, (1 << 62) - 1, 1 << 48, (1 << 47) + 1,
    1 << 46,
  ]

  @Test(arguments: sizes, [4096, 1 << 20])
  func `each end of a giant is bytes or an error`(_ size: Int64, _ windowSize: Int) throws {
    let maps = SlidingWindowMapManager(
      backend: Giants(), budget: .fixed(bytes: 64 << 20, isHard: true), windowSize: windowSize)
    let cursor = mapErrorOr { try maps.cursor(for: FileSource.name("\(size)")) }
    guard var cursor else { return }
    #expect(cursor.fileSize == size)
    for offset in [0, 4095, size / 2, size - 5000, size - 1] {
      for count in [1, 5000, Int.max] {
        do {
          let isInside = try cursor.use(at: offset, count: count)
          #expect(isInside)
          let range = cursor.range
          #expect(range.lowerBound == offset && range.upperBound <= size)
          let first = unsafe cursor.bytes.unsafeLoad(as: UInt8.self)
          #expect(first == Giants.byte(offset))
        } catch {
          #expect([.addressSpaceExhausted, .budgetExhausted].contains(error.code), "\(error)")
        }
      }
    }
    for offset in [size, .max] {
      let isInside = try cursor.use(at: offset, count: 1)
      #expect(!isInside)
    }
  }
}

/// The value of a throwing body, or nil where it threw one of ours.
private func mapErrorOr<Value: ~Copyable>(_ body: () throws -> Value) -> Value? {
  do { return try body() } catch { return nil }
}
