import Glibc
import MMapBackend
import MapProtocols
import MapTestSupport
import MapTesting
import SystemPackage
import Testing

/// What is left of an extent that could not be replaced, and of reads that fail.
@Suite struct ReplaceTests {
  let directory: TemporaryDirectory
  let path: FilePath
  let content = patternedBytes(100_000)
  let faults = SyscallFaults()
  let provider: MMapProvider

  init() throws {
    directory = try TemporaryDirectory()
    path = try directory.file("file", content)
    provider = MMapProvider(faults: faults)
  }

  private func withCopies(_ body: (Extent) throws -> Void) throws {
    let byteCount = 1 << 20
    let base = unsafe Glibc.mmap(
      nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    let start = try unsafe #require(base)
    unsafe start.copyMemory(from: content, byteCount: content.count)
    try body(unsafe Extent(base: start, byteCount: byteCount))
    _ = unsafe munmap(start, byteCount)
  }

  private func expectWhole(_ extent: Extent) {
    #expect(unsafe memcmp(extent.base, content, content.count) == 0)
    // Still memory of our own: it can be written to.
    unsafe extent.base.storeBytes(of: 1, toByteOffset: extent.byteCount - 1, as: UInt8.self)
  }

  @Test(arguments: [0, 1])
  func `the old extent is whole after a failure`(skipping: Int) throws {
    let file = try provider.open(.path(path))
    try withCopies { extent in
      for (errno, code) in [
        (Errno.noMemory, MapError.Code.addressSpaceExhausted), (.permissionDenied, .notMappable),
      ] {
        faults.fail(.mmap, with: errno, skipping: skipping)
        #expect(throws: MapError(code, errno: errno)) {
          try provider.map(file.handle, fileSize: 100_000, replacing: extent)
        }
        expectWhole(extent)
      }
    }
    provider.close(file.handle)
    #expect(try ProcessResources.maps(under: path) == 0)
  }

  /// The file system says so only after the kernel has taken the old pages away.
  @Test(.enabled(if: sizedButNotMappable != nil))
  func `the old extent is whole after a file that can't be mapped`() throws {
    let file = try provider.open(.path(try #require(sizedButNotMappable)))
    try withCopies { extent in
      #expect(throws: MapError(.notMappable, errno: Errno(rawValue: ENODEV))) {
        try provider.map(file.handle, fileSize: file.status.size, replacing: extent)
      }
      expectWhole(extent)
    }
    provider.close(file.handle)
  }

  @Test func `reads go on after a signal and fail with what the system said`() throws {
    let file = try provider.open(.path(path))
    var buffer = [UInt8](repeating: 0, count: 50)
    faults.fail(.read, with: .interrupted, times: 3)
    let count = try unsafe buffer.withUnsafeMutableBytes {
      try unsafe provider.read(file.handle, at: 99_990, into: $0)
    }
    #expect(count == 10)
    #expect(Array(buffer[..<10]) == Array(content[99_990...]))
    // The second read is the one that finds the end.
    faults.fail(.read, with: .ioError, skipping: 1)
    #expect(throws: MapError(.readFailed, range: 99_990..<100_040, errno: .ioError)) {
      try unsafe buffer.withUnsafeMutableBytes {
        try unsafe provider.read(file.handle, at: 99_990, into: $0)
      }
    }
    provider.close(file.handle)
    #expect(throws: MapError(.readFailed, range: 0..<50, errno: .badFileDescriptor)) {
      // No process has so many descriptors.
      try unsafe buffer.withUnsafeMutableBytes {
        try unsafe provider.read(Handle(rawValue: 1 << 30), at: 0, into: $0)
      }
    }
  }

  @Test func `the takeover is kept`() {
    #expect(MMapProvider().takeover == nil)
    let second = MMapProvider()
    let takeover = MMapProvider(takeover: Takeover(provider: second, reservedWindows: 7)).takeover
    #expect(takeover?.provider === second)
    #expect(takeover?.reservedWindows == 7)
  }
}

/// A regular file with a size, as all under /sys have, that can't be mapped.
private let sizedButNotMappable: FilePath? = {
  let path: FilePath = "/sys/kernel/mm/transparent_hugepage/enabled"
  return (try? FileDescriptor.open(path, .readOnly).close()) == nil ? nil : path
}()
