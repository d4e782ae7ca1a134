internal import MapProtocols
internal import Synchronization
internal import SystemPackage

#if canImport(Darwin)
  internal import Darwin
#elseif canImport(Glibc)
  internal import Glibc
#endif

extension Bench {
  func replacesAnExtent() throws {
    guard let maps = provider as? any MappingProvider else {
      return checks.skip("its windows are copies")
    }
    let content = contents[Self.large]!
    let opened = try open(source(Self.large))
    let byteCount =
      content.count / BenchFile.windowSize * BenchFile.windowSize + 3 * BenchFile.windowSize
    let copies = try anonymousExtent(byteCount: byteCount)
    unsafe copies.base.copyMemory(from: content, byteCount: content.count)

    let readers = Readers(of: copies, content)
    let threads = try (0..<2).map { _ in try ServiceThread { readers.run() } }
    readers.waitForRounds(3)
    let extent: Extent
    do throws(MapError) {
      checks.calls("`map(_:fileSize:replacing:)`")
      extent = try maps.map(opened.handle, fileSize: Int64(content.count), replacing: copies)
    } catch {
      readers.stop()
      for thread in threads { thread.join() }
      checks.expect(
        readers.areRight, "`map(_:fileSize:replacing:)` failed, and the old extent is not whole")
      _ = unsafe munmap(copies.base, copies.byteCount)
      provider.close(opened.handle)
      throw error
    }
    readers.waitForRounds(3)
    readers.stop()
    for thread in threads { thread.join() }
    checks.expect(readers.areRight, "a reader saw other bytes while its extent was replaced")
    try checks.require(
      unsafe extent.base == copies.base && extent.byteCount == copies.byteCount,
      "the file was mapped elsewhere, or in another length")

    // From here on it is like any other of this provider.
    let file = BenchFile(self, opened, extent: extent)
    file.unload(file.windows)
    try file.load(file.windows)
    file.expect(0..<file.size, of: content, "an extent in the place of copies")
    file.close()
  }

  func mapsSpans() throws {
    guard let maps = provider as? any MappingProvider, maps.mapsSpans else {
      return checks.skip("it maps no spans")
    }
    for (name, content) in contents where !content.isEmpty {
      let opened = try open(source(name))
      defer { provider.close(opened.handle) }
      let windows = (content.count - 1) / BenchFile.windowSize
      // Back to front, and all of them at the same time: none has to do with another's addresses.
      var spans: [(Extent, Range<Int64>)] = []
      defer { for (extent, _) in spans { maps.unmap(extent) } }
      for window in (0...windows).reversed() {
        let start = Int64(window * BenchFile.windowSize)
        let end = min(start + Int64(BenchFile.windowSize), Int64(content.count))
        let pages = SystemPage.rounded(Int(end - start)) ?? 0
        checks.calls("`map(_:span:)` of window \(window) of \(windows + 1)")
        let extent = try maps.map(opened.handle, span: start..<start + Int64(pages))
        spans.append((extent, start..<end))
        try checks.require(
          extent.range == start..<start + Int64(pages), "a span is of other bytes: \(extent.range)")
        checks.step()
      }
      for round in 0..<2 {
        for (extent, bytes) in spans {
          let region = ExtentRange(
            extent: extent, offset: bytes.lowerBound, byteCount: bytes.count)
          if !maps.mapping.loadsWhenTouched {
            var loads = [RegionLoad(region: region, handle: opened.handle, tag: 0)]
            maps.load(&loads)
            if let error = loads[0].error { throw error }
          }
          let found = unsafe UnsafeRawBufferPointer(start: region.start, count: bytes.count)
          checks.expect(
            unsafe found.elementsEqual(content[Int(bytes.lowerBound)..<Int(bytes.upperBound)]),
            "a span\(round > 0 ? ", emptied and loaded again" : ""): bytes of \(bytes) are not the file's"
          )
          maps.unload([region])
        }
      }
    }
  }

  func warmsBytes() throws {
    guard let maps = provider as? any MappingProvider else {
      return checks.skip("its windows are copies")
    }
    for (name, content) in contents {
      let opened = try open(source(name))
      defer { provider.close(opened.handle) }
      let size = Int64(content.count)
      let ranges = [
        0..<size, 0..<min(size, 1), size / 3..<size, size / 2..<size + 100, size..<size + 1,
      ]
      for range in ranges {
        checks.calls("`warm` of \(range), of \(size) bytes")
        let count = try maps.warm(opened.handle, range)
        let expected = range.clamped(to: 0..<size).count
        checks.expect(count == expected, "`warm` of \(range), of \(size) bytes, gave \(count)")
        let resident = maps.residentBytes(of: opened.handle, in: range.clamped(to: 0..<size))
        checks.expect(
          (0...expected).contains(resident ?? 0),
          "of \(expected) bytes \(resident ?? 0) are told to be in memory")
      }
    }
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

/// What some threads do that compare an extent with what must be there, over and over, until they are stopped, or for so long
/// that nobody will come to stop them.
private final class Readers: Sendable {
  private let extent: Extent
  private let content: [UInt8]
  private let monitor = Monitor()
  private let isStopped = Atomic(false)
  private let isWrong = Atomic(false)
  private let rounds = Atomic(0)
  /// Of 20 microseconds at least.
  private static let mostRounds = 10_000_000

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
    while !isStopped.load(ordering: .relaxed), rounds.load(ordering: .relaxed) < Self.mostRounds {
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
