import Foundation
import Glibc
import MapTestSupport
import MapTesting
import SlidingMap
import SystemPackage
import Testing

/// What the kernel is told of how files are read, and what it reads then.
@Suite(.enabled(if: ProcessResources.isAvailable))
struct AccessPatternTests {
  let scratch: Scratch
  let path: FilePath
  static let window = 1 << 20
  static let windows = 24

  init() throws {
    scratch = try Scratch()
    path = try scratch.resize("file", to: Int64(Self.window * Self.windows))
  }

  private func maps(
    _ pattern: AccessPattern, _ backend: some RegionProvider = .mmap, windowSize: Int = window
  ) -> SlidingWindowMapManager {
    SlidingWindowMapManager(
      backend: backend, budget: .fixed(bytes: 4 * windowSize), windowSize: windowSize,
      pattern: pattern)
  }

  /// Whether the kernel takes the file to be read at random. Its map is one whatever was said.
  private var isRandom: Bool { get throws { try flags.contains("rr") } }

  private var flags: Set<String> {
    get throws {
      let maps = try KernelMap.under(path.string)
      #expect(maps.count == 1)
      return maps.first?.flags ?? []
    }
  }

  /// Places far from one another, each in a window of its own.
  private func scattered(_ count: Int) -> [Int64] {
    (0..<count).map { Int64($0 * 7 % Self.windows * Self.window + 300_000) }
  }

  @Test(arguments: [MMapProvider.mmap, .automatic, .mmap(populate: true)])
  func `Scattered requests are learned, and so is reading on`(backend: MMapProvider) throws {
    let maps = maps(.learned, backend)
    var cursor = try maps.cursor(for: path)
    try #expect(!isRandom)
    for offset in scattered(20) { try cursor.use(at: offset, count: 20_000) }
    try #expect(isRandom)
    var offset: Int64 = 0
    while try cursor.use(at: offset) { offset = cursor.range.upperBound }
    try #expect(!isRandom)
  }

  @Test(arguments: [4096, 65536, 3 << 20])
  func `Reading front to back stays ordinary`(step: Int) throws {
    let maps = maps(.learned)
    var cursor = try maps.cursor(for: path)
    for _ in 0..<3 {
      var offset: Int64 = 0
      while try cursor.use(at: offset, count: step) {
        // Records between which little is left out.
        offset = cursor.range.upperBound + 512
      }
      try #expect(!isRandom)
    }
  }

  @Test func `Back to front is reading on, too`() throws {
    let maps = maps(.learned)
    var cursor = try maps.cursor(for: path)
    for offset in stride(from: cursor.fileSize - 8192, through: 0, by: -8192) {
      try cursor.use(at: offset, count: 8192)
    }
    try #expect(!isRandom)
  }

  @Test func `Strides through window after window are scattered`() throws {
    let maps = maps(.learned)
    var cursor = try maps.cursor(for: path)
    for window in 0..<12 { try cursor.use(at: Int64(window * Self.window), count: 4096) }
    try #expect(isRandom)
  }

  @Test func `A cursor for each page in turn tells nothing`() throws {
    let maps = maps(.learned)
    for offset in stride(from: 0, to: Int64(Self.window * Self.windows), by: 65536) {
      var cursor = try maps.cursor(for: path)
      try cursor.use(at: offset, count: 4096)
    }
    try #expect(!isRandom)
  }

  @Test func `Cursors that come and go and jump are scattered`() throws {
    let maps = maps(.learned)
    for offset in scattered(12) {
      var cursor = try maps.cursor(for: path)
      try cursor.use(at: offset, count: 64)
    }
    try #expect(isRandom)
  }

  @Test func `What tasks wait for is learned from, too`() async throws {
    let maps = maps(.learned)
    let cursor = try maps.cursor(for: path)
    for offset in scattered(12) { try await cursor.ready(at: offset, count: 64) }
    try #expect(isRandom)
  }

  @Test(arguments: [AccessPattern.normal, .sequential, .random])
  func `A pattern that was given stays`(pattern: AccessPattern) throws {
    let maps = maps(pattern)
    var cursor = try maps.cursor(for: path)
    for offset in scattered(12) + [0, 1 << 20, 2 << 20, 3 << 20, 4 << 20] {
      try cursor.use(at: offset, count: 1 << 20)
      try #expect(isRandom == (pattern == .random))
      try #expect(flags.contains("sr") == (pattern == .sequential))
    }
  }

  @Test func `Whole files are told of as well`() throws {
    let maps = StaticWindowMapManager(backend: .mmap, pattern: .random)
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 0)
    try #expect(isRandom)
  }

  @Test func `A file that comes back is told of again`() throws {
    try scratch.resize("other", to: 1 << 20)
    let maps = SlidingWindowMapManager(
      backend: .mmap, budget: .fixed(maps: 1), windowSize: 1 << 20, pattern: .random)
    for _ in 0..<3 {
      var cursor = try maps.cursor(for: path)
      try cursor.use(at: 5 << 20, count: 8192)
      try #expect(isRandom)
      cursor.release()
      var other = try maps.cursor(for: scratch["other"])
      try other.use(at: 0, count: 1)
    }
  }

  @Test(arguments: [false, true], [64 << 10, 1 << 20])
  func `A cold file read at random is read as asked`(populates: Bool, windowSize: Int) throws {
    let file = try scratch.write("cold", content(8 << 20))
    let maps = maps(.random, .mmap(populate: populates), windowSize: windowSize)
    var cursor = try maps.cursor(for: file)
    guard try drop(file) else { return }
    try cursor.use(at: 5 << 20, count: 40_000)
    let bytes = array(cursor.bytes)
    #expect(bytes.count == 40_000)
    // The request's pages, or its window where those are loaded whole.
    let isWhole = populates || windowSize < 1 << 20
    #expect(try cachedPages(file) == (isWhole ? windowSize / 4096 : 10))
  }

  /// Drops a file from the page cache; false where it stays, as on tmpfs.
  private func drop(_ file: FilePath) throws -> Bool {
    let descriptor = try FileDescriptor.open(file, .readOnly)
    return try descriptor.closeAfter {
      fsync(descriptor.rawValue)
      posix_fadvise(descriptor.rawValue, 0, 0, POSIX_FADV_DONTNEED)
      return try cachedPages(file) == 0
    }
  }

  /// How many pages of a file the page cache has: mincore(2).
  private func cachedPages(_ file: FilePath) throws -> Int {
    let descriptor = try FileDescriptor.open(file, .readOnly)
    return try descriptor.closeAfter {
      let size = try Int(descriptor.seek(offset: 0, from: .end))
      let base = unsafe mmap(nil, size, PROT_READ, MAP_SHARED, descriptor.rawValue, 0)
      defer { _ = unsafe munmap(base, size) }
      var states = [UInt8](repeating: 0, count: size / 4096)
      _ = unsafe mincore(base, size, &states)
      return states.count { $0 & 1 != 0 }
    }
  }
}
