import Foundation
import MapProtocols
import MapTestSupport
import MapTesting
import SystemPackage
import Testing
import URingBackend

/// Which thread submits and which one shuts down, and that each load ends once.
@Suite struct ShutDownTests {
  let directory: TemporaryDirectory
  let content = patternedBytes(200 * 16_384)
  let path: FilePath

  init() throws {
    directory = try TemporaryDirectory()
    path = try directory.file("file", content)
  }

  enum Kind: CaseIterable {
    case ring, directDescriptors, pread

    func make() throws -> URingProvider {
      try URingProvider(
        depth: 16, method: self == .pread ? .pread : .automatic,
        opensDirectly: self == .directDescriptors)
    }
  }

  @Test(arguments: Kind.allCases)
  func `loads outlive the thread that submitted them`(kind: Kind) throws {
    let provider = try kind.make()
    let file = try WindowedFile(provider, .path(path), windowSize: 16_384)
    let tally = LoadTally(200)
    for part in 0..<20 {
      let thread = try ServiceThread {
        let loads = (part * 10..<part * 10 + 10).map { file.makeLoad($0) }
        file.copies.submit(loads, completion: tally.note)
      }
      thread.join()
    }
    tally.waitForAll()
    #expect(tally.errors == [])
    #expect(file.bytes == content)
    provider.shutdown()
    tally.expectOneEndEach()
    file.close()
  }

  @Test(arguments: Kind.allCases)
  func `shutdown with many loads under way`(kind: Kind) throws {
    for _ in 0..<5 {
      let provider = try kind.make()
      let file = try WindowedFile(provider, .path(path), windowSize: 16_384)
      let tally = LoadTally(200)
      file.copies.submit(file.windows.map { file.makeLoad($0) }, completion: tally.note)
      provider.shutdown()
      tally.expectOneEndEach()
      #expect(tally.errors.allSatisfy { $0.code == .shutdown })
      // Nothing is written there any more.
      file.unloadAll()
      #expect(file.bytes.allSatisfy { $0 == 0 })
      file.close()
    }
  }

  @Test(arguments: Kind.allCases)
  func `what a shutdown prevents holds no memory`(kind: Kind) throws {
    let provider = try kind.make()
    let file = try WindowedFile(provider, .path(path))
    let tally = LoadTally(file.windows.count)
    let failed = Guarded(IndexSet())
    @Sendable func note(_ loads: [RegionLoad]) {
      failed.withLock { for load in loads where load.error != nil { $0.insert(load.tag) } }
      tally.note(loads)
    }
    let half = file.windows.count / 2
    file.copies.submit((0..<half).map { file.makeLoad($0) }, completion: note)
    provider.shutdown()
    file.copies.submit((half..<file.windows.count).map { file.makeLoad($0) }, completion: note)
    let resident = try unsafe ProcessResources.residentPages(
      from: file.extent.base, byteCount: file.extent.byteCount)
    #expect(resident.isDisjoint(with: failed.withLock { $0 }))
    tally.expectOneEndEach()
    file.close()
  }

  @Test(arguments: Kind.allCases)
  func `a completion may shut down`(kind: Kind) throws {
    let provider = try kind.make()
    let file = try WindowedFile(provider, .path(path), windowSize: 16_384)
    let tally = LoadTally(200)
    file.copies.submit(file.windows.map { file.makeLoad($0) }) { loads in
      tally.note(loads)
      if loads.contains(where: { $0.tag == 3 }) {
        provider.shutdown()
        tally.expectOneEndEach()
        provider.shutdown()
      }
    }
    tally.waitForAll()
    #expect(tally.errors.allSatisfy { $0.code == .shutdown })
    provider.shutdown()
    tally.expectOneEndEach()
    file.close()
  }

  @Test(arguments: Kind.allCases)
  func `a completion may submit`(kind: Kind) throws {
    let provider = try kind.make()
    let file = try WindowedFile(provider, .path(path), windowSize: 16_384)
    let tally = LoadTally(200)
    @Sendable func go(on loads: [RegionLoad]) {
      for load in loads where load.tag < 199 {
        file.copies.submit([file.makeLoad(load.tag + 1)], completion: go)
      }
      tally.note(loads)
    }
    file.copies.submit([file.makeLoad(0)], completion: go)
    tally.waitForAll()
    #expect(tally.errors == [])
    #expect(file.bytes == content)
    file.close()
  }

  @Test(arguments: Kind.allCases)
  func `threads may shut down at once, a completion among them`(kind: Kind) throws {
    for _ in 0..<10 {
      let provider = try kind.make()
      let file = try WindowedFile(provider, .path(path), windowSize: 16_384)
      let tally = LoadTally(200)
      file.copies.submit(file.windows.map { file.makeLoad($0) }) { loads in
        tally.note(loads)
        if loads.contains(where: { $0.tag == 5 }) { provider.shutdown() }
      }
      let threads = try (0..<4).map { number in
        try ServiceThread {
          if number == 0 {
            var loads = file.windows.map { file.makeLoad($0) }
            file.copies.load(&loads)
          }
          provider.shutdown()
        }
      }
      for thread in threads { thread.join() }
      tally.expectOneEndEach()
      file.close()
    }
  }

  @Test func `without a thread or an event loads are read all the same`() throws {
    let faults = SyscallFaults()
    faults.fail(.startThread, with: .resourceTemporarilyUnavailable)
    faults.fail(.eventDescriptor, with: .tooManyOpenFiles)
    let provider = try URingProvider(faults: faults)
    #expect(!provider.features.submitRing.isPresent)
    let file = try WindowedFile(provider, .path(path), windowSize: 16_384)
    for _ in 0..<2 {
      let tally = LoadTally(200)
      file.copies.submit(file.windows.map { file.makeLoad($0) }, completion: tally.note)
      tally.waitForAll()
      tally.expectOneEndEach()
      #expect(tally.errors == [])
      #expect(file.bytes == content)
      file.unloadAll()
    }
    file.close()
  }

  @Test func `without a ring there is pread, or an error where a ring was asked for`() throws {
    let faults = SyscallFaults()
    faults.fail(.ringSetup, with: .notPermitted, times: 2)
    let provider = try URingProvider(faults: faults)
    #expect(provider.name == "pread")
    #expect(provider.features.method == .pread)
    #expect(provider.features.ring == .refused(.notPermitted))
    #expect(throws: MapError(.unsupported, errno: .notPermitted)) {
      try URingProvider(method: .ring, faults: faults)
    }
    let file = try WindowedFile(provider, .path(path), windowSize: 16_384)
    #expect(file.loadAll().allSatisfy { $0 == nil })
    #expect(file.bytes == content)
    file.close()
  }
}
