import Glibc
import MapProtocols
import MapTestSupport
import MapTesting
import SystemPackage
import Testing
import URingBackend

/// O_DIRECT, which knows whole blocks alone.
@Suite struct PastThePageCacheTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func flags(of handle: Handle) -> CInt {
    fcntl(CInt(truncatingIfNeeded: handle.rawValue), F_GETFL)
  }

  @Test(arguments: [ReadMethod.automatic, .pread])
  func `tails and odd places`(method: ReadMethod) throws {
    let provider = try URingProvider(depth: 4, direct: true, method: method)
    for size in [1, 511, 512, 513, 4_095, 4_097, 70_001, 1 << 20 + 1, 3 << 20 + 511] {
      let content = patternedBytes(size, seed: UInt64(size))
      let path = try directory.file("\(size)", content)
      let file = try WindowedFile(provider, .path(path), windowSize: 1 << 20)
      let before = flags(of: file.opened.handle)
      for submits in [false, true] {
        if submits {
          let tally = LoadTally(file.windows.count)
          file.copies.submit(file.windows.map { file.makeLoad($0) }, completion: tally.note)
          tally.waitForAll()
          #expect(tally.errors == [])
        } else {
          #expect(file.loadAll().allSatisfy { $0 == nil })
        }
        #expect(file.bytes == content)
        file.unloadAll()
      }
      for (offset, count) in [(0, 1), (size - 1, 9), (17, 3), (size / 2, size), (3, 2 << 20)] {
        let range = Int64(offset)..<Int64(offset + count)
        #expect(try file.read(range) == Array(content.dropFirst(offset).prefix(count)))
      }
      // No request was refused for want of alignment, which would have taken O_DIRECT back.
      #expect(flags(of: file.opened.handle) == before)
      file.close()
    }
  }

  @Test func `the flags of a caller's descriptor stay the caller's`() throws {
    let content = patternedBytes(10_001)
    let path = try directory.file("file", content)
    let own = try URingProvider(direct: true, method: .pread)
    let probe = try own.open(.path(path))
    let direct = flags(of: probe.handle)
    own.close(probe.handle)
    let original = try FileDescriptor.open(path, .readOnly)
    defer { try? original.close() }
    try #require(fcntl(original.rawValue, F_SETFL, direct) == 0)
    let before = fcntl(original.rawValue, F_GETFL)

    let completions = CompletionFaults()
    let provider = try URingProvider(faults: nil, completions: completions)
    let file = try WindowedFile(provider, .descriptor(original))
    #expect(try file.read(1..<20_000) == Array(content[1...]))
    #expect(file.loadAll().allSatisfy { $0 == nil })
    #expect(file.bytes == content)
    // A file system that can't do it after all: nothing of ours to change.
    completions.add(.errno(.invalidArgument))
    #expect(file.loadAll().compactMap { $0?.errno } == [.invalidArgument])
    #expect(fcntl(original.rawValue, F_GETFL) == before)
    file.close()
  }

  @Test func `a file system that can't do it after all is read through the page cache`() throws {
    let content = patternedBytes(10_001)
    let completions = CompletionFaults()
    completions.add(.errno(.invalidArgument))
    let provider = try URingProvider(direct: true, faults: nil, completions: completions)
    let path = try directory.file("file", content)
    let file = try WindowedFile(provider, .path(path))
    #expect(file.loadAll().allSatisfy { $0 == nil })
    #expect(file.bytes == content)
    #expect(completions.applied == 1)
    file.close()
  }
}
