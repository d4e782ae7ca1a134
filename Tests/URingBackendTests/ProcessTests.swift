import Foundation
import Glibc
import MapProtocols
import MapTestSupport
import MapTesting
import SystemPackage
import Testing
import URingBackend

/// What is the process's own: its limits, its children, what it holds. In processes of their own.
@Suite(.enabled(if: ProcessResources.isAvailable))
struct ProcessTests {
  @Test func `providers that are gone leave nothing`() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      let content = patternedBytes(50_000)
      let path = try directory.file("file", content)
      func round(_ index: Int) throws {
        let provider = try URingProvider(opensDirectly: index % 2 == 0)
        let file = try WindowedFile(provider, .path(path))
        let tally = LoadTally(file.windows.count)
        file.copies.submit(file.windows.map { file.makeLoad($0) }, completion: tally.note)
        if index % 3 == 0 {
          tally.waitForAll()
          #expect(file.loadAll().allSatisfy { $0 == nil })
          #expect(file.bytes == content)
        }
        if index % 5 == 0 { provider.shutdown() }
        // The memory is the owner's until the loads have ended.
        tally.waitForAll()
        file.close()
      }
      for index in 0..<10 { try round(index) }
      let threads = try threadCount()
      let before = try ProcessResources()
      for index in 0..<200 { try round(index) }
      let after = try ProcessResources()
      #expect(after.descriptors == before.descriptors)
      // The allocator's own may be more.
      #expect(after.maps < before.maps + 20)
      // A thread is listed until the kernel has cleared it away.
      while try threadCount() > threads { sched_yield() }
    }
  }

  @Test func `a full descriptor table`() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      let content = patternedBytes(9_000)
      let path = try directory.file("file", content)
      let original = try FileDescriptor.open(path, .readOnly)
      let provider = try URingProvider()
      let probe = try FileDescriptor.open(path, .readOnly)
      try setLimit(RLIMIT_NOFILE, to: UInt(probe.rawValue + 10))
      // Other threads of the test process may close descriptors meanwhile: fill the table first, for each source.
      var held: [FileDescriptor] = []
      func fill() {
        while let more = try? FileDescriptor.open(path, .readOnly) { held.append(more) }
      }
      for source in [FileSource.path(path), .descriptor(original)] {
        fill()
        guard provider.features.directDescriptors.isPresent || haveTables
        else {
          #expect(throws: MapError(.handlesExhausted, source: source, errno: .tooManyOpenFiles)) {
            while true { _ = try provider.open(source) }
          }
          continue
        }
        for _ in 0..<50 {
          let file = try WindowedFile(provider, source)
          #expect(file.size == 9_000)
          #expect(try file.read(4_000..<9_100) == Array(content[4_000...]))
          #expect(file.loadAll().allSatisfy { $0 == nil })
          #expect(file.bytes == content)
          file.close()
        }
      }
      for descriptor in held { try? descriptor.close() }
      provider.close(try provider.open(.path(path)).handle)
    }
  }

  @Test func `a child reads what it can, and the parent's rings go on`() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      let content = patternedBytes(50_000)
      let path = try directory.file("file", content)
      var direct: URingProvider? = try Machine.directProvider()
      var provider: URingProvider? = try URingProvider()
      guard let slots = direct, let files = provider else { return }
      let slot = try WindowedFile(slots, .path(path))
      let file = try WindowedFile(files, .path(path))
      let tally = LoadTally(file.windows.count)
      file.copies.submit(file.windows.map { file.makeLoad($0) }, completion: tally.note)
      tally.waitForAll()
      file.unloadAll()
      // The rings' thread waits in the kernel meanwhile. None of the test's own runs: it might be holding a lock of the Swift
      // runtime, for which a child would wait for ever.
      for _ in 0..<20 {
        let child = forkProcess()
        if child == 0 {
          let hasSlots = slots.features.directDescriptors.isPresent
          var isRight = file.loadAll().allSatisfy { $0 == nil } && file.bytes == content
          isRight = isRight && slot.loadAll().allSatisfy { !hasSlots || $0?.code == .forked }
          let childs = LoadTally(file.windows.count)
          file.copies.submit(file.windows.map { file.makeLoad($0) }, completion: childs.note)
          isRight = isRight && childs.wrongEnds.isEmpty && childs.errors.isEmpty
          do {
            _ = try slot.read(0..<10)
            isRight = isRight && !hasSlots
          } catch {
            isRight = isRight && (error as? MapError)?.code == .forked
          }
          slot.close()
          file.close()
          files.shutdown()
          slots.shutdown()
          _exit(isRight ? 0 : 1)
        }
        guard endsWell(child) else { exit(EXIT_FAILURE) }
      }
      #expect(slot.loadAll().allSatisfy { $0 == nil } && slot.bytes == content)
      let again = LoadTally(file.windows.count)
      file.copies.submit(file.windows.map { file.makeLoad($0) }, completion: again.note)
      again.waitForAll()
      #expect(again.errors == [] && file.bytes == content)
      slot.close()
      file.close()
      direct = nil
      provider = nil
    }
  }

  /// As the filter of a sandbox that is closed later refuses one: what was a ring is another file now.
  @Test(.enabled(if: Machine.hasSubmitRing, Machine.noRing))
  func `a ring that the kernel refuses later`() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      let content = patternedBytes(400_000)
      let path = try directory.file("file", content)
      let provider = try URingProvider(depth: 8)
      let files = try (0..<4).map { _ in try WindowedFile(provider, .path(path)) }
      let file = files[0]
      func submitAll() -> LoadTally {
        let tally = LoadTally(file.windows.count)
        file.copies.submit(file.windows.map { file.makeLoad($0) }, completion: tally.note)
        return tally
      }
      submitAll().waitForAll()
      let mistakes = Guarded(0)
      let rounds = Guarded(0)
      let threads = try files.dropFirst().map { file in
        try ServiceThread {
          for _ in 0..<200 {
            file.unloadAll()
            let isRight = file.loadAll().allSatisfy { $0 == nil } && file.bytes == content
            if !isRight { mistakes.withLock { $0 += 1 } }
            rounds.withLock { $0 += 1 }
          }
        }
      }
      while rounds.withLock({ $0 }) < 30 { sched_yield() }
      let null = try FileDescriptor.open(FilePath("/dev/null"), .readOnly)
      for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
        let link = try? FileManager.default.destinationOfSymbolicLink(
          atPath: "/proc/self/fd/\(name)")
        if link?.contains("io_uring") == true, let number = CInt(name) {
          dup2(null.rawValue, number)
        }
      }
      for thread in threads { thread.join() }
      #expect(mistakes.withLock { $0 } == 0)
      for _ in 0..<3 {
        file.unloadAll()
        let tally = submitAll()
        tally.waitForAll()
        #expect(tally.errors == [] && file.bytes == content)
      }
      for file in files { file.close() }
      provider.shutdown()
    }
  }
}
