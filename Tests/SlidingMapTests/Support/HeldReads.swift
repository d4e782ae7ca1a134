import SlidingMap

/// Reads files by pread, and holds each read up until it is let go.
final class HeldReads: RegionProvider {
  private let base = URingProvider.pread
  let gate = Gates()
  private let (beginnings, beginning) = AsyncStream.makeStream(of: Void.self)

  /// Waits, as a task, for the first read.
  func firstRead() async { for await _ in beginnings { return } }

  var name: String { "held" }
  func open(_ source: FileSource) throws(MapError) -> OpenedFile { try base.open(source) }
  func status(of handle: Handle) throws(MapError) -> FileStatus { try base.status(of: handle) }
  func close(_ handle: Handle) { base.close(handle) }
  func read(
    _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(MapError) -> Int {
    beginning.yield()
    gate.wait()
    return try unsafe base.read(handle, at: offset, into: buffer)
  }
  func shutdown() { base.shutdown() }
}
