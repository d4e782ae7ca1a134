internal import MapProtocols
internal import Synchronization
internal import SystemPackage
internal import Testing

#if canImport(Darwin)
  internal import Darwin
#elseif canImport(Glibc)
  internal import Glibc
#endif

extension ProviderConformance {
  func readsWithoutAWindow(_ bench: Bench) throws {
    let size = 100_003
    let path = try bench.directory.file("file", patternedBytes(size))
    let opened = try bench.provider.open(.path(path))
    defer { bench.provider.close(opened.handle) }
    for (offset, count) in [
      (0, 1), (1, 4_096), (4_095, 2), (65_535, 3), (12_345, 67_890), (0, size), (0, size + 50_000),
      (size - 4, 100), (size, 10), (size + 100_000, 5), (17, 0), (size, 0),
    ] {
      // An odd address, and room behind that must stay as it is.
      var bytes = [UInt8](repeating: 0xEE, count: count + 2)
      let read = try unsafe bytes.withUnsafeMutableBytes { buffer in
        let middle = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[1..<count + 1])
        return try unsafe bench.provider.read(opened.handle, at: Int64(offset), into: middle)
      }
      let truth = try readBytes(of: path, Int64(offset)..<Int64(offset + count))
      #expect(read == truth.count)
      #expect(Array(bytes[1..<read + 1]) == truth)
      #expect(bytes[0] == 0xEE && bytes[count + 1] == 0xEE)
    }
  }

  func replacesAnExtent(_ bench: Bench) throws {
    guard let maps = bench.provider as? any MappingProvider else { return }
    let content = patternedBytes(9 * Bench.windowSize + 1_000)
    let path = try bench.directory.file("file", content)
    let opened = try bench.provider.open(.path(path))
    let copies = try anonymousExtent(byteCount: 12 * Bench.windowSize)
    unsafe copies.base.copyMemory(from: content, byteCount: content.count)

    let readers = Readers(of: copies, content)
    let threads = try (0..<2).map { _ in try ServiceThread { readers.run() } }
    readers.waitForRounds(3)
    let extent: Extent
    do throws(MapError) {
      extent = try maps.map(opened.handle, fileSize: Int64(content.count), replacing: copies)
    } catch {
      readers.stop()
      for thread in threads { thread.join() }
      #expect(readers.areRight, "the old extent must be whole")
      _ = unsafe munmap(copies.base, copies.byteCount)
      bench.provider.close(opened.handle)
      throw error
    }
    readers.waitForRounds(3)
    readers.stop()
    for thread in threads { thread.join() }
    #expect(readers.areRight, "a reader saw other bytes")
    #expect(unsafe extent.base == copies.base)
    #expect(extent.byteCount == copies.byteCount)

    // From here on it is like any other of this provider.
    let file = Bench.File(bench, opened, extent: extent)
    bench.windows.unload(file.windows.map(file.range))
    try file.load(file.windows)
    #expect(file.bytes(0..<file.size) == content)
    if bench.windows.areMaps {
      try bench.directory.write([1, 2, 3], to: path, at: 70_000)
      #expect(file.bytes(70_000..<70_003) == [1, 2, 3])
    }
    file.close()
  }

  /// Private memory of the process, as another provider would have copied the file to.
  private func anonymousExtent(byteCount: Int) throws -> Extent {
    #if canImport(Darwin)
      let flags = MAP_PRIVATE | MAP_ANON
    #else
      let flags = MAP_PRIVATE | MAP_ANONYMOUS
    #endif
    let base = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, flags, -1, 0)
    guard let base = unsafe base, unsafe base != MAP_FAILED else { throw Errno.noMemory }
    return unsafe Extent(base: base, byteCount: byteCount)
  }
}

/// What some threads do that compare an extent with what must be there, over and over, until they are stopped.
private final class Readers: Sendable {
  private let extent: Extent
  private let content: [UInt8]
  private let monitor = Monitor()
  private let isStopped = Atomic(false)
  private let isWrong = Atomic(false)
  private let rounds = Atomic(0)

  init(of extent: Extent, _ content: [UInt8]) {
    self.extent = extent
    self.content = content
  }

  /// Whether no byte was ever another.
  var areRight: Bool { !isWrong.load(ordering: .relaxed) }

  func stop() { isStopped.store(true, ordering: .relaxed) }

  /// Waits until they have compared everything as often again.
  func waitForRounds(_ count: Int) {
    monitor.lock()
    let goal = rounds.load(ordering: .relaxed) + count
    while rounds.load(ordering: .relaxed) < goal { monitor.wait() }
    monitor.unlock()
  }

  func run() {
    while !isStopped.load(ordering: .relaxed) {
      if unsafe memcmp(extent.base, content, content.count) != 0 {
        isWrong.store(true, ordering: .relaxed)
      }
      monitor.lock()
      rounds.add(1, ordering: .relaxed)
      monitor.broadcast()
      monitor.unlock()
    }
  }
}
