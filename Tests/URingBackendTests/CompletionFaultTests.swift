import MapProtocols
import MapTestSupport
import MapTesting
import SystemPackage
import Testing
import URingBackend

/// What is made of reads that end in ways a good disk seldom shows.
@Suite struct CompletionFaultTests {
  enum Way: CaseIterable { case load, loadOneByOne, submit, read }

  enum Kind: CaseIterable {
    case ring, directDescriptors, pread

    func make(_ completions: CompletionFaults) throws -> URingProvider {
      try URingProvider(
        method: self == .pread ? .pread : .automatic, opensDirectly: self == .directDescriptors,
        faults: nil, completions: completions)
    }
  }

  let directory: TemporaryDirectory
  let content = patternedBytes(300_001)
  let path: FilePath
  let completions = CompletionFaults()

  init() throws {
    directory = try TemporaryDirectory()
    path = try directory.file("file", content)
  }

  /// The file's bytes as they arrive that way, and the errors of its windows.
  private func bytes(_ way: Way, _ kind: Kind) throws -> (bytes: [UInt8], errors: [MapError]) {
    let provider = try kind.make(completions)
    let file = try WindowedFile(provider, .path(path), windowSize: 65_536)
    defer {
      file.close()
      provider.shutdown()
    }
    switch way {
    case .load:
      let errors = file.loadAll().compactMap { $0 }
      return (file.bytes, errors)
    case .loadOneByOne:
      var errors: [MapError] = []
      for window in file.windows {
        var loads = [file.makeLoad(window)]
        file.copies.load(&loads)
        if let error = loads[0].error { errors.append(error) }
      }
      return (file.bytes, errors)
    case .submit:
      let tally = LoadTally(file.windows.count)
      file.copies.submit(file.windows.map { file.makeLoad($0) }, completion: tally.note)
      tally.waitForAll()
      provider.shutdown()
      tally.expectOneEndEach()
      return (file.bytes, tally.errors)
    case .read:
      do {
        return (try file.read(0..<file.size + 100), [])
      } catch let error as MapError {
        return ([], [error])
      }
    }
  }

  @Test(arguments: Way.allCases, Kind.allCases)
  func `short reads go on`(way: Way, kind: Kind) throws {
    for count in [1, 1_000, 4_096, 65_535] {
      completions.add(.short(count), times: 2)
      completions.add(.short(count), skipping: 1, times: 2)
    }
    let seen = try bytes(way, kind)
    #expect(seen.errors == [])
    #expect(seen.bytes == content)
    #expect(completions.applied > 2)
  }

  @Test(arguments: Way.allCases, Kind.allCases)
  func `reads that were put off are made again`(way: Way, kind: Kind) throws {
    for errno in [Errno.interrupted, .canceled, .resourceTemporarilyUnavailable] {
      completions.add(.errno(errno), times: 3)
      completions.add(.errno(errno), skipping: 1, times: 1)
    }
    let seen = try bytes(way, kind)
    #expect(seen.errors == [])
    #expect(seen.bytes == content)
    #expect(completions.applied > 6)
  }

  @Test(arguments: Kind.allCases)
  func `a file that always would have to wait is given up`(kind: Kind) throws {
    completions.add(.errno(.resourceTemporarilyUnavailable), times: 100_000)
    for way in Way.allCases {
      let seen = try bytes(way, kind)
      #expect(seen.errors.count == (way == .read ? 1 : 5))
      #expect(seen.errors.allSatisfy { $0.errno == .resourceTemporarilyUnavailable })
    }
  }

  @Test(arguments: Way.allCases, Kind.allCases)
  func `a bad place on the disk fails its window alone`(way: Way, kind: Kind) throws {
    completions.add(.errno(.ioError), skipping: way == .read ? 0 : 2)
    let seen = try bytes(way, kind)
    #expect(seen.errors.map(\.code) == [.readFailed])
    #expect(seen.errors.map(\.errno) == [.ioError])
    guard way != .read, let range = seen.errors.first?.range else { return }
    #expect(range.lowerBound % 65_536 == 0)
    let failed = Int(range.lowerBound)..<min(Int(range.upperBound), content.count)
    var expected = content
    // It holds no memory, and so reads as zeros.
    expected.replaceSubrange(failed, with: Array(repeating: 0, count: failed.count))
    #expect(seen.bytes == expected)
  }

  @Test(arguments: Way.allCases, Kind.allCases)
  func `an end before the end is told`(way: Way, kind: Kind) throws {
    completions.add(.short(0))
    let seen = try bytes(way, kind)
    if way == .read {
      #expect(seen.bytes == [])
    } else {
      #expect(seen.errors.map(\.code) == [.fileTruncated])
    }
  }
}
