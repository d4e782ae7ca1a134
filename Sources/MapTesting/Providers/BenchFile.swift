internal import MapProtocols

/// An open file with addresses for its windows, and room to grow.
final class BenchFile {
  /// Small, so that files of a megabyte have many; not so small that they share pages anywhere.
  static let windowSize = 65_536

  let bench: Bench
  let opened: OpenedFile
  let extent: Extent
  /// How far the file is known to reach.
  var size: Int64
  private var handle: Handle?

  init(_ bench: Bench, _ source: FileSource) throws {
    self.bench = bench
    let opened = try bench.open(source)
    self.opened = opened
    handle = opened.handle
    size = opened.status.size
    let byteCount = Int(size) + 16 * Self.windowSize
    extent = try bench.windows.makeExtent(
      opened.handle, fileSize: size, byteCount: byteCount, alignment: Self.windowSize)
    bench.checks.expect(
      unsafe UInt(bitPattern: extent.base) % UInt(Self.windowSize) == 0,
      "an extent's base is no multiple of the alignment that was asked for")
    bench.checks.expect(extent.byteCount >= size, "an extent is smaller than its file")
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

  private var grid: WindowGrid {
    WindowGrid(windowSize: Self.windowSize, pageSize: SystemPage.size)
  }
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
    bench.checks.calls("a load of windows \(windows)")
    bench.windows.load(&loads)
    for load in loads { if let error = load.error { throw error } }
  }

  func unload(_ windows: [Int]) { bench.windows.unload(windows.map(range)) }

  func bytes(_ range: Range<Int64>) -> [UInt8] {
    let start = unsafe extent.base + Int(range.lowerBound)
    return unsafe Array(UnsafeRawBufferPointer(start: start, count: range.count))
  }

  /// Notes where bytes of windows that are loaded are not the file's.
  func expect(_ range: Range<Int64>, of content: [UInt8], _ what: String) {
    let isRight = bytes(range).elementsEqual(content[Int(range.lowerBound)..<Int(range.upperBound)])
    bench.checks.expect(isRight, "\(what): bytes of \(range) are not the file's")
  }
}

extension Bench {
  func withFile(_ name: String, _ body: (BenchFile) throws -> Void) throws {
    let file = try BenchFile(self, source(name))
    defer { file.close() }
    try body(file)
  }
}
