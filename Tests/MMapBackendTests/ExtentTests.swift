import Foundation
import MMapBackend
import MapProtocols
import MapTestSupport
import MapTesting
import SystemPackage
import Testing

/// Where extents lie, and what one touch brings in.
@Suite struct ExtentTests {
  let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  private func withExtent(
    of path: FilePath, room: Int = 0, alignment: Int, of provider: MMapProvider = .mmap,
    _ body: (Extent) throws -> Void
  ) throws {
    let file = try provider.open(.path(path))
    defer { provider.close(file.handle) }
    let extent = try provider.map(
      file.handle, fileSize: file.status.size, byteCount: Int(file.status.size) + room,
      alignment: alignment)
    defer { provider.unmap(extent) }
    try body(extent)
  }

  /// Never inlined, or an optimizer would leave out loads whose bytes nobody looks at.
  @inline(never)
  @_optimize(none)
  private func touch(_ extent: Extent, at offset: Int) -> UInt8 {
    unsafe extent.base.load(fromByteOffset: offset, as: UInt8.self)
  }

  /// The numbers of the pages mapped in.
  private func residents(_ extent: Extent) throws -> IndexSet {
    try unsafe ProcessResources.residentPages(from: extent.base, byteCount: extent.byteCount)
  }

  /// A file in the page cache, written in pieces of `piece` bytes so that its folios may be as large.
  private func cachedFile(_ size: Int, piece: Int) throws -> FilePath {
    let path = try directory.file("cached \(size) \(piece)", [])
    let bytes = patternedBytes(piece)
    let descriptor = try FileDescriptor.open(path, .writeOnly)
    try descriptor.closeAfter {
      for _ in 0..<size / piece {
        _ = try unsafe bytes.withUnsafeBytes { try unsafe descriptor.writeAll($0) }
      }
    }
    return path
  }

  @Test(arguments: (12...24).map { 1 << $0 }, [0, 1 << 20, 1 << 30])
  func `the base is aligned and every byte has its address`(_ alignment: Int, room: Int) throws {
    let content = patternedBytes(100_001)
    let path = try directory.file("file", content)
    try withExtent(of: path, room: room, alignment: alignment) { extent in
      #expect(unsafe UInt(bitPattern: extent.base) % UInt(alignment) == 0)
      #expect(extent.byteCount >= content.count + room)
      let maps = try ProcessResources.maps(under: path)
      #expect(maps == 1)
      #expect(touch(extent, at: 0) == content[0])
      #expect(touch(extent, at: 100_000) == content[100_000])
    }
  }

  @Test(
    .enabled(if: ProcessResources.isAvailable),
    arguments: [4 << 10, 64 << 10, 1 << 20, 2 << 20], [1 << 20, 2 << 20, 4 << 20])
  func `a touch maps nothing outside its window`(piece: Int, window: Int) throws {
    let path = try cachedFile(16 << 20, piece: piece)
    try withExtent(of: path, alignment: window) { extent in
      for place in [0, 5, 9, 15].map({ $0 << 20 + 20_480 }) {
        _ = touch(extent, at: place)
        let pages = try residents(extent)
        let own = place / window * window / 4_096..<(place / window + 1) * window / 4_096
        #expect(pages.contains(place / 4_096))
        #expect(pages.subtracting(IndexSet(integersIn: own)).isEmpty)
        // Unloading the window leaves nothing.
        MMapProvider.mmap.unload([
          ExtentRange(extent: extent, offset: Int64(place / window * window), byteCount: window)
        ])
        #expect(try residents(extent).isEmpty)
      }
    }
  }

  @Test(
    .enabled(if: ProcessResources.isAvailable), arguments: [64 << 10, 256 << 10, 1 << 20, 2 << 20])
  func `a touch maps at most the 64 KiB around it where folios are small`(window: Int) throws {
    let path = try cachedFile(16 << 20, piece: 4 << 10)
    try withExtent(of: path, alignment: window) { extent in
      let place = 9 << 20 + 20_480
      _ = touch(extent, at: place)
      let around = place / 65_536 * 16..<(place / 65_536 + 1) * 16
      let pages = try residents(extent)
      #expect(pages.contains(place / 4_096))
      #expect(pages.subtracting(IndexSet(integersIn: around)).isEmpty)
    }
  }

  @Test func `populating loads a window whole and no other`() throws {
    let path = try cachedFile(8 << 20, piece: 2 << 20)
    let provider = MMapProvider.mmap(populate: true)
    try withExtent(of: path, alignment: 1 << 20, of: provider) { extent in
      var loads = [
        RegionLoad(
          region: ExtentRange(extent: extent, offset: 3 << 20, byteCount: 1 << 20), handle: nil)
      ]
      provider.load(&loads)
      #expect(loads[0].error == nil)
      if ProcessResources.isAvailable {
        let pages = try residents(extent)
        #expect(pages == IndexSet(integersIn: 768..<1_024))
      }
    }
  }

  @Test func `populating past the end of a truncated file is an error, not a signal`() throws {
    let path = try cachedFile(4 << 20, piece: 1 << 20)
    let provider = MMapProvider.mmap(populate: true)
    try withExtent(of: path, alignment: 1 << 20, of: provider) { extent in
      try directory.resize(path, to: 1 << 20)
      var loads = (0..<4).map {
        RegionLoad(
          region: ExtentRange(extent: extent, offset: $0 << 20, byteCount: 1 << 20), handle: nil)
      }
      provider.load(&loads)
      #expect(loads.map { $0.error?.code } == [nil] + Array(repeating: .fileTruncated, count: 3))
      #expect(loads[2].error?.range == 2 << 20..<3 << 20)
    }
  }

  @Test func `advice is given to the whole extent, which stays one kernel map`() throws {
    let path = try cachedFile(4 << 20, piece: 1 << 20)
    for advice in [AccessAdvice.normal, .random, .willNeed] {
      let provider = MMapProvider.mmap
      try withExtent(of: path, alignment: 1 << 20, of: provider) { extent in
        provider.advise(advice, ExtentRange(extent: extent, offset: 0, byteCount: extent.byteCount))
        provider.advise(.willNeed, ExtentRange(extent: extent, offset: 4_096, byteCount: 1))
        let maps = try ProcessResources.maps(under: path)
        #expect(maps == 1)
      }
    }
  }
}
