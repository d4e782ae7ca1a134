import MapProtocols
import MapTestSupport
import MapTesting
import SystemPackage
import Testing
import URingBackend

/// More work than a queue has room for, and work of many files at once.
@Suite struct QueueTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  @Test(arguments: [1, 3, 4, 128], [false, true])
  func `a thousand windows in a small ring`(depth: Int, opensDirectly: Bool) throws {
    let content = patternedBytes(1_000 * 4_096 - 5)
    let provider = try URingProvider(depth: depth, opensDirectly: opensDirectly)
    // Less where locked memory is.
    #expect(1...depth ~= provider.features.depth)
    let file = try WindowedFile(provider, .path(directory.file("file", content)))
    #expect(file.windows.count == 1_000)
    #expect(file.loadAll().allSatisfy { $0 == nil })
    #expect(file.bytes == content)
    file.unloadAll()

    let tally = LoadTally(1_000)
    file.copies.submit(file.windows.map { file.makeLoad($0) }, completion: tally.note)
    tally.waitForAll()
    #expect(tally.errors == [])
    #expect(file.bytes == content)
    file.unloadAll()

    // One by one.
    let second = LoadTally(1_000)
    for window in file.windows {
      file.copies.submit([file.makeLoad(window)], completion: second.note)
    }
    second.waitForAll()
    #expect(second.errors == [])
    #expect(file.bytes == content)
    provider.shutdown()
    tally.expectOneEndEach()
    second.expectOneEndEach()
    file.close()
  }

  @Test(arguments: [1, 2, 7, 8, 9])
  func `windows of more pieces than there is room for`(depth: Int) throws {
    // Eight pieces and a bit each.
    let windowSize = 8 << 20 + 4_096
    let content = patternedBytes(2 * windowSize + 77)
    let provider = try URingProvider(depth: depth)
    let file = try WindowedFile(
      provider, .path(directory.file("file", content)), windowSize: windowSize)
    #expect(file.loadAll().allSatisfy { $0 == nil })
    #expect(file.bytes == content)
    file.unloadAll()
    let tally = LoadTally(file.windows.count)
    file.copies.submit(file.windows.map { file.makeLoad($0) }, completion: tally.note)
    tally.waitForAll()
    #expect(tally.errors == [])
    #expect(file.bytes == content)
    file.close()
  }

  @Test func `more depth than the kernel allows is cut to what it gives`() throws {
    let provider = try URingProvider(depth: 100_000)
    #expect(provider.features.depth <= 100_000)
    let content = patternedBytes(50_000)
    let file = try WindowedFile(provider, .path(directory.file("file", content)))
    let tally = LoadTally(file.windows.count)
    file.copies.submit(file.windows.map { file.makeLoad($0) }, completion: tally.note)
    tally.waitForAll()
    #expect(tally.errors == [])
    #expect(file.bytes == content)
    file.close()
  }

  /// Every third file was cut short, and every third load has no handle.
  @Test(arguments: [false, true], [false, true])
  func `files of a batch fail on their own`(submits: Bool, opensDirectly: Bool) throws {
    let provider = try URingProvider(depth: 8, opensDirectly: opensDirectly)
    let size = 3 * 4_096
    var files: [WindowedFile] = []
    var loads: [RegionLoad] = []
    for index in 0..<40 {
      let path = try directory.file("\(index)", patternedBytes(size, seed: UInt64(index)))
      let file = try WindowedFile(provider, .path(path))
      if index % 3 == 1 { try directory.resize(path, to: 4_096 + 10) }
      files.append(file)
      for window in file.windows {
        let load = file.makeLoad(window, tag: loads.count)
        loads.append(
          index % 3 == 2 ? RegionLoad(region: load.region, handle: nil, tag: load.tag) : load)
      }
    }
    let ended = Guarded([Int: MapError?]())
    if submits {
      let tally = LoadTally(loads.count)
      CopiedWindows(of: provider).submit(loads) { loads in
        ended.withLock { for load in loads { $0[load.tag] = .some(load.error) } }
        tally.note(loads)
      }
      tally.waitForAll()
      tally.expectOneEndEach()
    } else {
      CopiedWindows(of: provider).load(&loads)
      for load in loads { ended.withLock { $0[load.tag] = .some(load.error) } }
    }
    let errors = ended.withLock { $0 }
    #expect(errors.count == 120)
    for (index, file) in files.enumerated() {
      let codes = file.windows.map { errors[index * 3 + $0]??.code }
      let content = patternedBytes(size, seed: UInt64(index))
      switch index % 3 {
      case 0:
        #expect(codes == [nil, nil, nil])
        #expect(file.bytes == content)
      case 1:
        // The page in which the file ends now is whole.
        #expect(codes == [nil, nil, .fileTruncated])
        #expect(file.bytes(0..<4_106) == Array(content[..<4_106]))
        #expect(file.bytes(4_106..<Int64(size)).allSatisfy { $0 == 0 })
      default:
        #expect(codes == [.readFailed, .readFailed, .readFailed])
        #expect(file.bytes.allSatisfy { $0 == 0 })
      }
      file.close()
    }
  }

  @Test(arguments: [false, true])
  func `a file is cut short while it is loaded`(direct: Bool) throws {
    let size = 64 << 12
    let content = patternedBytes(size)
    let provider = try URingProvider(depth: 4, direct: direct)
    for round in 0..<20 {
      let path = try directory.file("\(round)", content)
      let file = try WindowedFile(provider, .path(path))
      let cut = Int64(round * 12_345 % size)
      let ended = Guarded([Int: MapError?]())
      let tally = LoadTally(file.windows.count)
      file.copies.submit(file.windows.map { file.makeLoad($0) }) { loads in
        ended.withLock { for load in loads { $0[load.tag] = .some(load.error) } }
        tally.note(loads)
      }
      try directory.resize(path, to: cut)
      let waited = file.loadAll()
      tally.waitForAll()
      let submitted = ended.withLock { $0 }
      for window in file.windows {
        let range = file.offsets(of: window)
        // Read before or after the cut: both are right where the file was cut, and nowhere a hang or another error.
        for error in [waited[window], submitted[window] ?? nil] {
          if let error {
            #expect(error == MapError(.fileTruncated, range: range))
            #expect(range.upperBound > cut)
          }
        }
        if range.upperBound <= cut { #expect(file.bytes(range) == readable(content, range)) }
      }
      file.close()
    }
  }

  private func readable(_ content: [UInt8], _ range: Range<Int64>) -> [UInt8] {
    Array(content[Int(range.lowerBound)..<Int(range.upperBound)])
  }
}
