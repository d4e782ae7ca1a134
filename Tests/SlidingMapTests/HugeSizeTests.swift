import Foundation
import MMapBackend
import MapProtocols
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

  #if os(Linux)
    /// A file of holes on tmpfs, which allows any size; it goes with its last reference.
    private final class Holes: Sendable {
      let path = FilePath("/dev/shm/slidingmap-\(getpid())-\(UInt64.random(in: 0 ... .max))")

      init(_ size: Int64) throws {
        let file = try FileDescriptor.open(
          path, .writeOnly, options: .create, permissions: .ownerReadWrite)
        try file.closeAfter { try file.resize(to: size) }
      }

      deinit { _ = unsafe unlink(path.string) }

      static let arePossible = (try? Holes(.max)) != nil
    }

    @Test(.enabled(if: Holes.arePossible, "needs tmpfs"), arguments: [.max, .max - 1, 1 << 62])
    func `a giant is warmed up to a limit, and at its end`(_ size: Int64) async throws {
      let file = try Holes(size)
      let faults = SyscallFaults()
      let maps = SlidingWindowMapManager(backend: MMapProvider(faults: faults))
      let warmUp = try await maps.warm(file.path, limit: 1)
      #expect(warmUp.bytesAsked == Int(size) && warmUp.bytesWarmed == 1 && !warmUp.isComplete)
      for range in [size - 1..<size, size - 5000..<size, size - 5..<Int64.max] {
        let end = try await maps.warm(file.path, ranges: [range])
        #expect(end.isComplete && end.bytesWarmed == range.clamped(to: 0..<size).count)
        _ = try maps.residentBytes(of: file.path, in: range)
        if faults.calls(of: .mincore) > 0 { return }
      }
      let two = try await maps.warm([.path(file.path), .path(file.path)], limit: 1)
      #expect(two.bytesAsked == .max && two.bytesWarmed == 1 && !two.isComplete)
      // By cachestat(2): mincore(2) would look at each page.
      #expect(try maps.residentBytes(of: file.path).map { $0 < 1 << 30 } == true)
    }

    @Test(.enabled(if: Holes.arePossible, "needs tmpfs"), arguments: [.max, .max - 1, 1 << 62])
    func `a giant is not locked, but its parts are`(_ size: Int64) async throws {
      let file = try Holes(size)
      let maps = SlidingWindowMapManager(backend: .mmap)
      let error = await mapErrorOfTask { _ = try await maps.lockInMemory(file.path) }
      #expect(error?.code == .addressSpaceExhausted)
      #expect(maps.statistics.usage.addresses == 0 && maps.statistics.usage.maps == 0)
      do {
        let lock = try await maps.lockInMemory(file.path, ranges: [1 << 61..<(1 << 61) + 1])
        #expect(lock.byteCount == 4096 && maps.statistics.usage.addresses == 4096)
      }
      // The kernel maps no page that ends past the largest offset.
      let end = await mapErrorOfTask {
        let lock = try await maps.lockInMemory(file.path, ranges: [size - 5000..<size])
        #expect(lock.byteCount == 8192)
      }
      #expect(size == 1 << 62 ? end == nil : end?.code == .addressSpaceExhausted)
      #expect(maps.statistics.usage.addresses == 0 && maps.statistics.usage.maps == 0)
    }

    /// However many stretches it is of.
    @Test(
      .enabled(if: Holes.arePossible, "needs tmpfs"), .timeLimit(.minutes(2)),
      arguments: [BackendKind.mmap, .pread], [1 << 44, 1 << 62])
    func `warming a giant ends when it is asked to`(
      _ kind: BackendKind, _ size: Int64
    ) async throws {
      let file = try Holes(size)
      let maps = SlidingWindowMapManager(
        backend: try kind.make(), budget: .unlimited, windowSize: 64 << 10)
      let error = await mapErrorOfTask {
        try await maps.warm(file.path, limit: .max) { _ in maps.shutdown() }
      }
      #expect(
        error?.code == .shutdown || size == 1 << 62 && error?.code == .addressSpaceExhausted,
        "\(String(describing: error))")
    }

    @Test(.enabled(if: Holes.arePossible, "needs tmpfs"), .timeLimit(.minutes(2)))
    func `copies of a giant that are to be locked are refused at once`() async throws {
      let file = try Holes(1 << 44)
      let maps = SlidingWindowMapManager(
        backend: .pread, budget: .fixed(bytes: 1 << 20), windowSize: 64 << 10)
      let error = await mapErrorOfTask { _ = try await maps.lockInMemory(file.path) }
      #expect(error?.code == .budgetExhausted && maps.statistics.counts.loads == 0)
      let many = (0..<17).map { Int64($0) << 20..<Int64($0) << 20 + 1 }
      let other = await mapErrorOfTask {
        _ = try await maps.lockInMemory(file.path, ranges: many)
      }
      #expect(other?.code == .budgetExhausted && maps.statistics.counts.loads == 0)
      #expect(try maps.residentBytes(of: file.path) == 0)
    }
  #endif
}

/// The value of a throwing body, or nil where it threw one of ours.
private func mapErrorOr<Value: ~Copyable>(_ body: () throws -> Value) -> Value? {
  do { return try body() } catch { return nil }
}
