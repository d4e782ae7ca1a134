import MapTesting
import SlidingMap
import Synchronization
import Testing

/// The backend of the article on writing one, as it stands there, but for the `unsafe` that this package asks of itself.
struct ArticleTests {
  @Test func memory() async throws {
    try await ProviderConformance.check(
      source: { .path(FilePath($0)) },
      change: { backend, name, bytes in backend.put(bytes, at: FilePath(name)) }
    ) { files in
      let backend = MemoryBackend()
      for (name, bytes) in files { backend.put(bytes, at: FilePath(name)) }
      return backend
    }
  }

  @Test func readsThroughAManager() throws {
    let memory = MemoryBackend()
    memory.put(Array(repeating: 7, count: 100_000), at: "/model")
    let maps = SlidingWindowMapManager(
      backend: memory, budget: .fixed(bytes: 64 << 10), windowSize: 4096)
    var cursor = try maps.cursor(for: "/model")
    try cursor.use(at: 50_000, count: 10_000)  // three windows, contiguous
    #expect(cursor.bytes.byteCount == 10_000)
  }
}

/// Files in a dictionary. One that is put again is the same file in another version.
private final class MemoryBackend: RegionProvider {
  private struct File {
    let identity: FileIdentity
    var version: Int64 = 0
    var bytes: [UInt8] = [] { didSet { version += 1 } }
    var status: FileStatus {
      FileStatus(identity: identity, version: FileVersion(version), size: Int64(bytes.count))
    }
  }
  private let files = Mutex<[FilePath: File]>([:])
  private let handles = Mutex<(last: Int, paths: [Int: FilePath])>((0, [:]))

  var name: String { "memory" }

  func put(_ bytes: [UInt8], at path: FilePath) {
    files.withLock { files in
      let number = UInt64(files.count)
      files[path, default: File(identity: FileIdentity(number))].bytes = bytes
    }
  }

  func open(_ source: FileSource) throws(MapError) -> OpenedFile {
    guard let path = source.path, let file = files.withLock({ $0[path] }) else {
      throw MapError(.openFailed, source: source, errno: .noSuchFileOrDirectory)
    }
    let number = handles.withLock {
      $0.last += 1; $0.paths[$0.last] = path; return $0.last
    }
    return OpenedFile(handle: Handle(rawValue: number), status: file.status)
  }

  private func file(_ handle: Handle) throws(MapError) -> File {
    let path = handles.withLock { $0.paths[handle.rawValue] }
    guard let path, let file = files.withLock({ $0[path] }) else { throw MapError(.readFailed) }
    return file
  }

  func status(of handle: Handle) throws(MapError) -> FileStatus { try file(handle).status }

  func close(_ handle: Handle) { handles.withLock { $0.paths[handle.rawValue] = nil } }

  func read(
    _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(MapError) -> Int {
    let wanted = try file(handle).bytes.dropFirst(Int(clamping: offset)).prefix(buffer.count)
    unsafe buffer.copyBytes(from: wanted)
    return wanted.count
  }
}
