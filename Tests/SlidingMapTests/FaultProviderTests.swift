import MMapBackend
import MapProtocols
import MapTestSupport
import SlidingMap
import Synchronization
import SystemPackage
import Testing

@Suite struct FaultProviderTests {
  let directory: TemporaryDirectory
  let path: FilePath

  init() throws {
    directory = try TemporaryDirectory()
    path = try directory.file("file", patternedBytes(10_000))
  }

  @Test(arguments: [MMapProvider.mmap, .mmap(populate: true, advice: .normal)])
  func `chosen calls fail, the others pass`(base: MMapProvider) throws {
    let chosen = Mutex(FaultProvider.Call.Operation.open)
    let provider = FaultProvider(base) { call in
      chosen.withLock { $0 } == call.operation ? MapError(.readFailed, errno: .ioError) : nil
    }
    #expect(provider.properties.name == "mmap")
    #expect(!provider.properties.loadsWhenTouched)
    let failure = MapError(.readFailed, source: .path(path), errno: .ioError)
    #expect(throws: failure) { try provider.open(.path(path)) }

    chosen.withLock { $0 = .status }
    let file = try provider.open(.path(path))
    #expect(throws: failure) { try provider.status(at: path) }
    #expect(throws: failure) { try provider.status(of: file.handle) }

    chosen.withLock { $0 = .makeExtent }
    #expect(throws: failure.about(.path(path), range: 0..<20_000)) {
      try provider.makeExtent(file.handle, fileSize: 10_000, byteCount: 20_000, alignment: 4_096)
    }

    chosen.withLock { $0 = .load }
    let extent = try provider.makeExtent(
      file.handle, fileSize: 10_000, byteCount: 20_000, alignment: 4_096)
    #expect(try provider.status(at: path) == file.status)
    provider.close(file.handle)
    var loads = [
      RegionLoad(region: ExtentRange(extent: extent, offset: 4_096, byteCount: 10), handle: nil)
    ]
    provider.load(&loads)
    #expect(loads[0].error == failure.about(.path(path), range: 4_096..<4_106))
    provider.release(extent)
  }

  @Test(arguments: [MMapProvider.mmap, .mmap(populate: true, advice: .normal)])
  func `one window of several fails`(base: MMapProvider) async throws {
    let provider = FaultProvider(base) { call in
      call.operation == .load && call.range?.contains(5_000) == true
        ? MapError(.readFailed, errno: .ioError) : nil
    }
    let file = try provider.open(.path(path))
    let extent = try provider.makeExtent(
      file.handle, fileSize: 10_000, byteCount: 12_288, alignment: 4_096)
    let loads = (0..<3).map {
      RegionLoad(
        region: ExtentRange(
          extent: extent, offset: Int64($0) * 4_096, byteCount: $0 == 2 ? 1_808 : 4_096),
        handle: file.handle, tag: $0)
    }
    var loaded = loads
    provider.load(&loaded)
    #expect(loaded.map(\.tag) == [0, 1, 2])
    #expect(loaded.map { $0.error?.code } == [nil, .readFailed, nil])

    let (ends, continuation) = AsyncStream.makeStream(of: RegionLoad.self)
    provider.submit(loads) { continuation.yield($0) }
    var failed: [Int: Bool] = [:]
    for await load in ends {
      failed[load.tag] = load.error != nil
      if failed.count == 3 { break }
    }
    #expect(failed == [0: false, 1: true, 2: false])
    provider.release(extent)
    provider.close(file.handle)
  }
}
