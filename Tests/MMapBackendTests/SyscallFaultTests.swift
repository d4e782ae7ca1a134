import Foundation
import MMapBackend
import MapProtocols
import MapTestSupport
import MapTesting
import SystemPackage
import Testing

/// What the backend makes of system calls that fail.
@Suite struct SyscallFaultTests {
  let directory: TemporaryDirectory
  let path: FilePath
  let faults = SyscallFaults()
  let provider: MMapProvider

  init() throws {
    directory = try TemporaryDirectory()
    path = try directory.file("file", patternedBytes(10_000))
    provider = MMapProvider(populate: true, faults: faults)
  }

  private func withFile(_ body: (OpenedFile) throws -> Void) throws {
    let file = try provider.open(.path(path))
    defer { provider.close(file.handle) }
    try body(file)
  }

  private func expectNothingHeld() throws {
    guard ProcessResources.isAvailable else { return }
    #expect(ProcessResources.descriptors(under: path) == 0)
    #expect(try ProcessResources.maps(under: path) == 0)
  }

  @Test(arguments: [Errno.tooManyOpenFiles, .tooManyOpenFilesInSystem])
  func `no descriptors to be had`(errno: Errno) throws {
    let original = try FileDescriptor.open(path, .readOnly)
    defer { try? original.close() }
    for (call, source) in [
      (Syscall.open, FileSource.path(path)), (.duplicate, .descriptor(original)),
    ] {
      faults.fail(call, with: errno)
      #expect(throws: MapError(.handlesExhausted, source: source, errno: errno)) {
        try provider.open(source)
      }
      provider.close(try provider.open(source).handle)
    }
  }

  @Test func `a descriptor that can't be examined is closed`() throws {
    faults.fail(.stat, with: .ioError)
    #expect(throws: MapError(.openFailed, source: .path(path), errno: .ioError)) {
      try provider.open(.path(path))
    }
    #expect(faults.calls(of: .close) == 1)
    try expectNothingHeld()
  }

  @Test func `an empty file that can't be read is closed`() throws {
    let empty = try directory.file("empty", [])
    for (errno, code) in [
      (Errno.ioError, MapError.Code.openFailed), (.resourceTemporarilyUnavailable, .unsizedFile),
    ] {
      faults.fail(.read, with: errno)
      #expect {
        try provider.open(.path(empty))
      } throws: {
        ($0 as? MapError)?.code == code
      }
    }
    #expect(faults.calls(of: .close) == 2)
  }

  @Test func `a file that was empty a moment ago is open`() throws {
    let path = try directory.file("empty", [])
    faults.before(.read) {
      if let file = try? FileDescriptor.open(path, .writeOnly) {
        _ = try? file.closeAfter { try file.writeAll(patternedBytes(5_000)) }
      }
    }
    let file = try provider.open(.path(path))
    #expect(file.status.size == 5_000)
    provider.close(file.handle)
  }

  @Test func `signals interrupt nothing`() throws {
    for call in [Syscall.open, .mmap, .madvise, .munmap] {
      faults.fail(call, with: .interrupted, times: 3)
    }
    try withFile { file in
      let extent = try provider.map(
        file.handle, fileSize: 10_000, byteCount: 10_000, alignment: 4_096)
      provider.unload([ExtentRange(extent: extent, offset: 0, byteCount: 10_000)])
      provider.unmap(extent)
    }
    #expect(faults.calls(of: .open) == 4)
    try expectNothingHeld()
  }

  @Test func `without room to grow the file is mapped alone`() throws {
    try withFile { file in
      faults.fail(.mmap, with: .noMemory)
      let extent = try provider.map(
        file.handle, fileSize: 10_000, byteCount: 1 << 30, alignment: 4_096)
      #expect(extent.byteCount == 12_288)
      provider.unmap(extent)
    }
    try expectNothingHeld()
  }

  /// ENOMEM at each of the calls in turn: plain map, reservation, map within the reservation.
  @Test(arguments: 0..<4)
  func `no address space`(skipping: Int) throws {
    try withFile { file in
      faults.fail(.mmap, with: .noMemory, skipping: skipping, times: 9)
      let error = MapError(.addressSpaceExhausted, errno: .noMemory)
      var extents: [Extent] = []
      #expect(throws: error) {
        for _ in 0..<4 {
          extents.append(
            try provider.map(
              file.handle, fileSize: 10_000, byteCount: 1 << 30, alignment: 1 << 20))
        }
      }
      extents.forEach(provider.unmap)
    }
    try expectNothingHeld()
  }

  @Test(arguments: [Errno(rawValue: 19), .permissionDenied])
  func `a file system that can't map`(errno: Errno) throws {
    try withFile { file in
      faults.fail(.mmap, with: errno)
      #expect(throws: MapError(.notMappable, errno: errno)) {
        try provider.map(
          file.handle, fileSize: 10_000, byteCount: 1 << 20, alignment: 4_096)
      }
    }
  }

  @Test func `loads fail one by one, with what the system said`() throws {
    try withFile { file in
      let extent = try provider.map(
        file.handle, fileSize: 10_000, byteCount: 12_288, alignment: 4_096)
      let first = RegionLoad(
        region: ExtentRange(extent: extent, offset: 0, byteCount: 4_096), handle: file.handle)
      let last = RegionLoad(
        region: ExtentRange(extent: extent, offset: 8_192, byteCount: 1_808), handle: file.handle)
      for (errno, expected) in [
        // The file is as long as ever: then the fault was the disk's.
        (Errno.badAddress, MapError(.readFailed, range: 8_192..<10_000, errno: .ioError)),
        (.ioError, MapError(.readFailed, range: 8_192..<10_000, errno: .ioError)),
      ] {
        var loads = [first, last]
        faults.fail(.madvise, with: errno, skipping: 1, times: 3)
        provider.load(&loads)
        #expect(loads[0].error == nil)
        #expect(loads[1].error == expected)
      }
      // A kernel before 5.14 knows no MADV_POPULATE_READ: pages load when touched.
      var loads = [first, last]
      faults.fail(.madvise, with: .invalidArgument, times: 2)
      provider.load(&loads)
      #expect(loads.allSatisfy { $0.error == nil })
      provider.unmap(extent)
    }
  }

  /// A sandbox may forbid from some moment on what it allowed before.
  @Test(.enabled(if: ProcessResources.isAvailable))
  func `ranges that can't be unloaded together are unloaded one by one`() throws {
    try withFile { file in
      let extent = try provider.map(
        file.handle, fileSize: 10_000, byteCount: 1 << 20, alignment: 4_096)
      defer { provider.unmap(extent) }
      func range(_ page: Int) -> ExtentRange {
        ExtentRange(extent: extent, offset: Int64(page) * 4_096, byteCount: 4_096)
      }
      var loads = [0, 2].map { RegionLoad(region: range($0), handle: file.handle) }
      provider.load(&loads)
      func residents() throws -> IndexSet {
        try unsafe ProcessResources.residentPages(from: extent.base, byteCount: 3 * 4_096)
      }
      #expect(try residents().isSuperset(of: [0, 2]))
      faults.fail(.madvise, with: .notPermitted)
      provider.unload([range(0), range(2)])
      #expect(try residents().isDisjoint(with: [0, 2]))
    }
  }

  @Test func `neighbours are unloaded by one call`() throws {
    try withFile { file in
      let extent = try provider.map(
        file.handle, fileSize: 10_000, byteCount: 1 << 20, alignment: 4_096)
      defer { provider.unmap(extent) }
      func calls(_ pages: [Int], byteCount: Int = 4_096) -> Int {
        let before = faults.calls(of: .madvise)
        provider.unload(
          pages.map {
            ExtentRange(extent: extent, offset: Int64($0) * 4_096, byteCount: byteCount)
          })
        return faults.calls(of: .madvise) - before
      }
      #expect(calls([]) == 0)
      #expect(calls([5]) == 1)
      #expect(calls([2, 0, 1]) == 1)
      #expect(calls([0, 1], byteCount: 1) == 1)
      // Those with gaps between them too, where the kernel can.
      let isTogether = provider.mapping.unloadsTogether
      #expect(calls([0, 2, 4]) == (isTogether ? 1 : 3))
      #expect(calls([7, 1, 6, 0, 3]) == (isTogether ? 1 : 3))
    }
  }
}
