import Foundation
import MapTestSupport
import MapTesting
import SlidingMap
import SystemPackage
import Testing

/// Windows of a huge page and more lie so that the kernel can use one, and smaller ones so that it can't.
struct HugePageTests {
  static let huge = 2 << 20
  let scratch: Scratch
  let path: FilePath

  init() throws {
    scratch = try Scratch()
    path = try scratch.resize("file", to: Int64(12 * Self.huge + 5000))
  }

  private func address(_ cursor: borrowing WindowCursor) -> UInt {
    unsafe cursor.bytes.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
  }

  /// Whether the first byte of each page is zero.
  private func touchPages(_ cursor: borrowing WindowCursor) -> Bool {
    unsafe cursor.bytes.withUnsafeBytes { bytes in
      stride(from: 0, to: bytes.count, by: 4096).allSatisfy { unsafe bytes[$0] == 0 }
    }
  }

  @Test(arguments: BackendKind.allCases, [1, 2, 3])
  func `Addresses of windows agree with their offsets`(kind: BackendKind, pages: Int) throws {
    let maps = SlidingWindowMapManager(
      backend: try kind.make(), budget: .fixed(bytes: 12 * Self.huge),
      windowSize: pages * Self.huge)
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 0)
    #expect(address(cursor) & UInt(Self.huge - 1) == 0)
    try cursor.use(at: Int64(7 * Self.huge + 4096), count: 10)
    #expect(address(cursor) & UInt(Self.huge - 1) == 4096)
  }

  @Test(arguments: BackendKind.allCases)
  func `So do whole files`(kind: BackendKind) throws {
    let maps = StaticWindowMapManager(backend: try kind.make(), budget: .fixed(bytes: 64 << 20))
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 0)
    #expect(address(cursor) & UInt(Self.huge - 1) == 0)
  }

  /// Whether huge pages are given at all, to everybody or to who asks, is the system's setting: this holds with each.
  @Test(
    .enabled(if: ProcessResources.isAvailable), arguments: BackendKind.allCases,
    [64 << 10, 1 << 20, 2 << 20, 3 << 20, 4 << 20])
  func `Memory is what the budget counts`(kind: BackendKind, window: Int) throws {
    let budget = 3 * max(window, Self.huge)
    let maps = SlidingWindowMapManager(
      backend: try kind.make(), budget: .fixed(bytes: budget), windowSize: window)
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 0, count: 1)
    let base = address(cursor)
    // Every other window first: what lies between two is absent.
    let count = (12 * Self.huge + window - 1) / window
    let places = Array(stride(from: 0, to: count, by: 2)) + stride(from: 1, to: count, by: 2)
    for place in places {
      try cursor.use(at: Int64(place * window))
      let isZero = touchPages(cursor)
      #expect(isZero)
      if place % max(count / 4, 1) > 1 { continue }
      let start = unsafe UnsafeRawPointer(bitPattern: base)!
      let pages = try unsafe ProcessResources.residentPages(
        from: start, byteCount: 12 * Self.huge + 8192)
      let resident = pages.count * 4096
      #expect(resident <= maps.statistics.usage.bytes)
      #expect(maps.statistics.usage.bytes <= budget)
    }
  }

  @Test(.enabled(if: ProcessResources.isAvailable && hasHugePages))
  func `Memory that is taken page by page is never huge`() throws {
    let maps = SlidingWindowMapManager(budget: .fixed(bytes: 2 << 20), windowSize: 1 << 20)
    var cursor = try maps.cursor(for: path)
    for offset in [0, 1, 2].map({ Int64($0 << 20) }) { try cursor.use(at: offset) }
    // Past its window: into the reserve.
    try cursor.use(at: 9 << 20, count: 64)
    #expect(maps.statistics.counts.bypasses == 1)
    let reserve = try KernelMap.at(address(cursor))
    #expect(reserve?.flags.contains("nh") == true)
  }
}

/// Whether the kernel has huge pages to give.
private let hasHugePages = FileManager.default.fileExists(
  atPath: "/sys/kernel/mm/transparent_hugepage/enabled")
