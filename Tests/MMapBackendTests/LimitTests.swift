import Glibc
import MMapBackend
import MapProtocols
import MapTestSupport
import MapTesting
import SystemPackage
import Testing

/// The limits of setrlimit(2), in processes of their own.
@Suite struct LimitTests {
  @Test func `a full descriptor table`() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      let path = try directory.file("file", patternedBytes(5_000))
      let original = try FileDescriptor.open(path, .readOnly)
      let provider = MMapProvider.mmap
      let before = try provider.open(.path(path))
      try setLimit(RLIMIT_NOFILE, to: UInt(before.handle.rawValue + 10))
      var held: [OpenedFile] = []
      // Other threads of the test process close descriptors meanwhile: fill the table for each source.
      for source in [FileSource.path(path), .descriptor(original)] {
        #expect(throws: MapError(.handlesExhausted, source: source, errno: .tooManyOpenFiles)) {
          while true { held.append(try provider.open(source)) }
        }
      }
      // What is open can still be mapped.
      let extent = try provider.map(
        before.handle, fileSize: 5_000, byteCount: 5_000, alignment: 4_096)
      provider.unmap(extent)
      for file in held + [before] { provider.close(file.handle) }
      provider.close(try provider.open(.path(path)).handle)
    }
  }

  @Test func `no address space`() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      let small = try directory.file("small", patternedBytes(5_000))
      let large = try directory.sparseFile("large", size: 5 << 30)
      let provider = MMapProvider.mmap
      let smallFile = try provider.open(.path(small))
      let largeFile = try provider.open(.path(large))
      let used = try ProcessResources().addressSpaceBytes
      try setLimit(RLIMIT_AS, to: UInt(used + 64 << 20))
      let extent = try provider.map(
        smallFile.handle, fileSize: 5_000, byteCount: 1 << 30, alignment: 1 << 20)
      #expect(extent.byteCount == 8_192)
      #expect(throws: MapError(.addressSpaceExhausted, errno: .noMemory)) {
        try provider.map(
          largeFile.handle, fileSize: 5 << 30, byteCount: 6 << 30, alignment: 1 << 20)
      }
      provider.unmap(extent)
      try setLimit(RLIMIT_AS, to: UInt.max)
      #expect(try ProcessResources.maps(under: directory.path) == 0)
    }
  }

  @Test func `a file of another user`() async {
    await #expect(processExitsWith: .success) {
      // Root may read everything, until it is somebody else.
      guard geteuid() == 0 else { return }
      let directory = try TemporaryDirectory()
      let path = try directory.file("file", [1])
      try #require(seteuid(65_534) == 0)
      #expect(throws: MapError(.openFailed, source: .path(path), errno: .permissionDenied)) {
        try MMapProvider.mmap.open(.path(path))
      }
      try #require(seteuid(0) == 0)
    }
  }
}
