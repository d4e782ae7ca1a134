internal import MapProtocols
internal import SystemPackage
internal import Testing

/// A provider and a place for its files: what the cases of the conformance suite work on.
struct Bench {
  /// Small, so that files of a megabyte have many; not so small that they share pages anywhere.
  static let windowSize = 65_536

  let provider: any RegionProvider
  let windows: ProviderWindows
  let directory: TemporaryDirectory

  init(_ provider: any RegionProvider, _ directory: TemporaryDirectory) {
    self.provider = provider
    windows = ProviderWindows(of: provider)
    self.directory = directory
  }

  func withFile(_ path: FilePath, _ body: (File) throws -> Void) throws {
    let file = try File(self, path)
    defer { file.close() }
    try body(file)
  }

  /// How an open file is now, whatever became of its path; nil where the provider can't tell.
  func status(of opened: OpenedFile) throws(MapError) -> FileStatus? {
    do throws(MapError) {
      return try provider.status(of: opened.handle)
    } catch {
      if error.code == .fileChanged { return nil }
      throw error
    }
  }

  /// The error that opening ends with; it must name the source.
  func refusal(of source: FileSource) -> MapError? {
    do throws(MapError) {
      let opened = try provider.open(source)
      provider.close(opened.handle)
      Issue.record("\(source) was opened")
      return nil
    } catch {
      #expect(error.source == source)
      return error
    }
  }

  /// An open file with an extent that has room to grow.
  final class File {
    let bench: Bench
    let opened: OpenedFile
    let extent: Extent
    /// How far the file is known to reach.
    var size: Int64
    private var handle: Handle?

    convenience init(_ bench: Bench, _ path: FilePath) throws {
      try self.init(bench, .path(path))
    }

    init(_ bench: Bench, _ source: FileSource) throws {
      self.bench = bench
      let opened = try bench.provider.open(source)
      self.opened = opened
      handle = opened.handle
      size = opened.status.size
      extent = try bench.windows.makeExtent(
        opened.handle, fileSize: size, byteCount: Int(size) + 16 * Bench.windowSize,
        alignment: Bench.windowSize)
      #expect(unsafe UInt(bitPattern: extent.base) % UInt(Bench.windowSize) == 0)
      #expect(extent.byteCount >= size)
    }

    /// An open file in an extent that was another's.
    init(_ bench: Bench, _ opened: OpenedFile, extent: Extent) {
      self.bench = bench
      self.opened = opened
      self.extent = extent
      handle = opened.handle
      size = opened.status.size
    }

    func closeHandle() {
      if let handle { bench.provider.close(handle) }
      handle = nil
    }

    func close() {
      bench.windows.release(extent)
      closeHandle()
    }

    var grid: WindowGrid { WindowGrid(windowSize: Bench.windowSize, pageSize: 4_096) }
    var windows: [Int] { Array(0..<grid.count(fileSize: size)) }
    func offsets(of window: Int) -> Range<Int64> { grid.bytes(of: window, fileSize: size) }

    func range(_ window: Int) -> ExtentRange {
      let bytes = offsets(of: window)
      return ExtentRange(extent: extent, offset: bytes.lowerBound, byteCount: bytes.count)
    }

    func makeLoad(_ window: Int) -> RegionLoad {
      RegionLoad(region: range(window), handle: handle, tag: window)
    }

    func load(_ windows: [Int]) throws {
      guard !bench.windows.loadsWhenTouched else { return }
      var loads = windows.map(makeLoad)
      bench.windows.load(&loads)
      for load in loads { if let error = load.error { throw error } }
    }

    /// Expects what was submitted to be in memory, where a touch would bring it there too. Call it before any.
    func expectResident() throws {
      guard bench.windows.loadsWhenTouched, ProcessResources.isAvailable else { return }
      let pages = try unsafe ProcessResources.residentPages(
        from: extent.base, byteCount: Int(size))
      #expect(pages.count == (Int(size) + 4_095) / 4_096)
    }

    func bytes(_ range: Range<Int64>) -> [UInt8] {
      let start = unsafe extent.base + Int(range.lowerBound)
      return unsafe Array(UnsafeRawBufferPointer(start: start, count: range.count))
    }
  }
}
