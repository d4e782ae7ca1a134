import MMapBackend
import SlidingMap

/// Files read into memory: what may take over from mmap, at its simplest.
final class CopyingProvider: RegionProvider {
  private let files = MMapProvider()

  var name: String { "copying" }
  var reloadCost: Int { 1_000 }

  func open(_ source: FileSource) throws(MapError) -> OpenedFile { try files.open(source) }
  func status(of source: FileSource) throws(MapError) -> FileStatus {
    try files.status(of: source)
  }
  func status(of handle: Handle) throws(MapError) -> FileStatus { try files.status(of: handle) }
  func close(_ handle: Handle) { files.close(handle) }

  func read(
    _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(MapError) -> Int {
    try unsafe files.read(handle, at: offset, into: buffer)
  }
}
