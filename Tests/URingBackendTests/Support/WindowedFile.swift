import MapProtocols
import MapTestSupport
import MapTesting
import SystemPackage
import URingBackend

/// A file open in a provider, and the extent for its windows.
struct WindowedFile {
  let provider: URingProvider
  let opened: OpenedFile
  let extent: Extent
  let copies: CopiedWindows
  let grid: WindowGrid

  init(_ provider: URingProvider, _ source: FileSource, windowSize: Int = 4_096) throws {
    self.provider = provider
    opened = try provider.open(source)
    let size = opened.status.size
    copies = CopiedWindows(of: provider)
    extent = try copies.reserve(fileSize: size, byteCount: Int(size), alignment: 4_096)
    grid = WindowGrid(windowSize: windowSize, pageSize: 4_096)
  }

  var size: Int64 { opened.status.size }
  var windows: Range<Int> { 0..<grid.count(fileSize: size) }

  func offsets(of window: Int) -> Range<Int64> { grid.bytes(of: window, fileSize: size) }

  func makeLoad(_ window: Int, tag: Int? = nil) -> RegionLoad {
    let range = offsets(of: window)
    return RegionLoad(
      region: ExtentRange(extent: extent, offset: range.lowerBound, byteCount: range.count),
      handle: opened.handle, tag: tag ?? window)
  }

  /// All windows, in one call.
  func loadAll() -> [MapError?] {
    var loads = windows.map { makeLoad($0) }
    copies.load(&loads)
    return loads.map(\.error)
  }

  /// What lies in the extent.
  func bytes(_ range: Range<Int64>) -> [UInt8] {
    let start = unsafe extent.base + Int(range.lowerBound)
    return unsafe Array(UnsafeRawBufferPointer(start: start, count: range.count))
  }

  /// All the file's bytes in the extent.
  var bytes: [UInt8] { bytes(0..<size) }

  /// What the provider reads without a window.
  func read(_ range: Range<Int64>) throws -> [UInt8] {
    try provider.bytes(of: opened.handle, range)
  }

  func unloadAll() { copies.unload(windows.map { makeLoad($0).region }) }

  func close() {
    copies.release(extent)
    provider.close(opened.handle)
  }
}

extension URingProvider {
  /// What it reads without a window; fewer bytes at the end of the file.
  func bytes(of handle: Handle, _ range: Range<Int64>) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: range.count)
    let count = try unsafe bytes.withUnsafeMutableBytes { buffer in
      try unsafe self.read(handle, at: range.lowerBound, into: buffer)
    }
    bytes.removeLast(bytes.count - count)
    return bytes
  }
}
