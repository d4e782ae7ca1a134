import MMapBackend
import MapProtocols
import MapTestSupport
import MapTesting
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

  @Test(arguments: [MMapProvider.mmap, .mmap(populate: true)])
  func `chosen calls fail, the others pass`(base: MMapProvider) throws {
    let chosen = Mutex(ProviderCall.Operation.open)
    let provider = FaultProvider(base) { call in
      chosen.withLock { $0 } == call.operation ? MapError(.readFailed, errno: .ioError) : nil
    }
    #expect(provider.name == "mmap")
    #expect(!provider.mapping.loadsWhenTouched)
    let failure = MapError(.readFailed, source: .path(path), errno: .ioError)
    #expect(throws: failure) { try provider.open(.path(path)) }

    chosen.withLock { $0 = .status }
    let file = try provider.open(.path(path))
    #expect(throws: failure) { try provider.status(of: .path(path)) }
    #expect(throws: failure) { try provider.status(of: file.handle) }

    chosen.withLock { $0 = .makeExtent }
    #expect(throws: failure.about(.path(path), range: 0..<20_000)) {
      try provider.map(file.handle, fileSize: 10_000, byteCount: 20_000, alignment: 4_096)
    }

    chosen.withLock { $0 = .load }
    let extent = try provider.map(
      file.handle, fileSize: 10_000, byteCount: 20_000, alignment: 4_096)
    #expect(try provider.status(of: .path(path)) == file.status)
    provider.close(file.handle)
    var loads = [
      RegionLoad(region: ExtentRange(extent: extent, offset: 4_096, byteCount: 10), handle: nil)
    ]
    provider.load(&loads)
    #expect(loads[0].error == failure.about(.path(path), range: 4_096..<4_106))
    provider.unmap(extent)
  }

  @Test(arguments: [MMapProvider.mmap, .mmap(populate: true)])
  func `one window of several fails`(base: MMapProvider) async throws {
    let provider = FaultProvider(base) { call in
      call.operation == .load && call.range?.contains(5_000) == true
        ? MapError(.readFailed, errno: .ioError) : nil
    }
    let file = try provider.open(.path(path))
    let extent = try provider.map(
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
    provider.submit(loads) { loads in for load in loads { continuation.yield(load) } }
    var failed: [Int: Bool] = [:]
    for await load in ends {
      failed[load.tag] = load.error != nil
      if failed.count == 3 { break }
    }
    #expect(failed == [0: false, 1: true, 2: false])
    provider.unmap(extent)
    provider.close(file.handle)
  }

  @Test func `reads without a window fail where the closure says`() throws {
    let provider = FaultProvider(.mmap) { call in
      call.operation == .read && call.range?.contains(5_000) == true
        ? MapError(.readFailed, errno: .ioError) : nil
    }
    let file = try provider.open(.path(path))
    var bytes = [UInt8](repeating: 0, count: 100)
    let count = try unsafe bytes.withUnsafeMutableBytes {
      try unsafe provider.read(file.handle, at: 4_900, into: $0)
    }
    #expect(count == 100)
    #expect(try bytes == readBytes(of: path, 4_900..<5_000))
    let failure = MapError(
      .readFailed, source: .path(path), range: 4_901..<5_001, errno: .ioError)
    #expect(throws: failure) {
      try unsafe bytes.withUnsafeMutableBytes {
        try unsafe provider.read(file.handle, at: 4_901, into: $0)
      }
    }
    provider.close(file.handle)
  }

  @Test func `the backend that takes over fails by the same closure`() throws {
    let calls = Mutex<[ProviderCall]>([])
    let second = MemoryProvider([path: Array(patternedBytes(10_000))])
    let provider = FaultProvider(
      MMapProvider(takeover: Takeover(provider: second, reservedWindows: 9))
    ) { call in
      calls.withLock { $0.append(call) }
      return call.backend == "mmap" && call.operation == .open ? MapError(.handlesExhausted) : nil
    }
    #expect(FaultProvider(.mmap) { _ in nil }.takeover == nil)
    let takeover = try #require(provider.takeover)
    #expect(takeover.reservedWindows == 9)
    #expect(takeover.provider === provider.takeover?.provider)
    #expect(throws: MapError(.handlesExhausted, source: .path(path))) {
      try provider.open(.path(path))
    }
    let file = try takeover.provider.open(.path(path))
    takeover.provider.close(file.handle)
    #expect(calls.withLock { $0.map(\.backend) } == ["mmap", "memory"])
    #expect(calls.withLock { $0.map(\.operation) } == [.open, .open])
    #expect(second.openHandles == 0)
  }

  @Test func `copies give way to a map unless makeExtent fails`() throws {
    let chosen = Mutex<[String]>([])
    let provider = FaultProvider(MMapProvider(takeover: Takeover(provider: .pread))) { call in
      chosen.withLock { $0 }.contains("\(call.backend) \(call.operation)")
        ? MapError(.addressSpaceExhausted) : nil
    }
    let second = CopiedWindows(of: try #require(provider.takeover).provider)
    let file = try provider.open(.path(path))
    let copies = try second.reserve(fileSize: 10_000, byteCount: 12_288, alignment: 4_096)
    chosen.withLock { $0 = ["pread makeExtent", "mmap makeExtent"] }
    #expect(throws: MapError(.addressSpaceExhausted, range: 0..<12_288)) {
      try second.reserve(fileSize: 10_000, byteCount: 12_288, alignment: 4_096)
    }
    #expect(throws: MapError(.addressSpaceExhausted, source: .path(path), range: 0..<12_288)) {
      try provider.map(file.handle, fileSize: 10_000, replacing: copies)
    }
    chosen.withLock { $0 = ["mmap load"] }
    let extent = try provider.map(file.handle, fileSize: 10_000, replacing: copies)
    let region = ExtentRange(extent: extent, offset: 0, byteCount: 4_096)
    var loads = [RegionLoad(region: region, handle: file.handle)]
    provider.load(&loads)
    #expect(
      loads[0].error
        == MapError(.addressSpaceExhausted, source: .path(path), range: 0..<4_096))
    provider.unmap(extent)
    provider.close(file.handle)
  }

  @Test func `windows of copies fail one by one`() throws {
    let provider = FaultProvider(.pread) { call in
      call.operation == .load && call.range?.contains(5_000) == true
        ? MapError(.readFailed, errno: .ioError) : nil
    }
    #expect(!(provider is any MappingProvider) && provider.name == "pread")
    let windows = CopiedWindows(of: provider)
    let file = try provider.open(.path(path))
    let extent = try windows.reserve(fileSize: 10_000, byteCount: 12_288, alignment: 4_096)
    var loads = (0..<3).map {
      RegionLoad(
        region: ExtentRange(extent: extent, offset: Int64($0) * 4_096, byteCount: 4_096),
        handle: file.handle, tag: $0)
    }
    windows.load(&loads)
    #expect(loads.map { $0.error?.code } == [nil, .readFailed, nil])
    windows.release(extent)
    provider.close(file.handle)
  }
}
