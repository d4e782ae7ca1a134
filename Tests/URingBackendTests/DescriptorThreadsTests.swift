import Foundation
import Glibc
import MapProtocols
import MapTestSupport
import MapTesting
import SystemPackage
import Testing
import URingBackend

/// Whether threads can have a table of descriptors of their own: close_range(2), here of what no process has.
let haveTables =
  ProcessResources.isAvailable && systemCall(436, Int(UInt32.max), Int(UInt32.max)) == 0

/// Files that are opened where the process has no descriptor left, and there is no ring. In processes of their own.
@Suite(.enabled(if: haveTables, "the kernel gives threads no table of their own"))
struct DescriptorThreadsTests {
  /// Takes all descriptors that the process may have.
  private static func fillTable() throws -> [FileDescriptor] {
    let probe = try FileDescriptor.open(FilePath("/dev/null"), .readOnly)
    try setLimit(RLIMIT_NOFILE, to: UInt(probe.rawValue + 10))
    var held = [probe]
    refill(&held)
    return held
  }

  /// The same again: other threads of the test process may have closed some.
  private static func refill(_ held: inout [FileDescriptor]) {
    while let more = try? FileDescriptor.open(FilePath("/dev/null"), .readOnly) {
      held.append(more)
    }
  }

  /// Gives them back: what ends with the process, as a sanitizer's look for leaks does, needs some.
  private static func empty(_ held: [FileDescriptor]) {
    for descriptor in held { try? descriptor.close() }
  }

  @Test func `a full table, and no ring`() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      let content = patternedBytes(300_000)
      let path = try directory.file("file", content)
      let original = try FileDescriptor.open(path, .readWrite)
      let threads = try threadCount()
      var held = try Self.fillTable()
      let provider = try URingProvider(method: .pread)
      for source in [FileSource.path(path), .descriptor(original)] {
        Self.refill(&held)
        let file = try WindowedFile(provider, source, windowSize: 65_536)
        #expect(file.loadAll().allSatisfy { $0 == nil } && file.bytes == content)
        #expect(try file.read(4_000..<300_100) == Array(content[4_000...]))
        let tally = LoadTally(file.windows.count)
        file.unloadAll()
        file.copies.submit(file.windows.map { file.makeLoad($0) }, completion: tally.note)
        tally.waitForAll()
        tally.expectOneEndEach()
        #expect(tally.errors == [] && file.bytes == content)
        let status = try provider.status(of: file.opened.handle)
        #expect(status.isSame(as: file.opened.status))
        #expect(try provider.status(of: source).identity == status.identity)
        file.close()
      }
      // What has no name any more.
      #expect(unsafe unlink(path.string) == 0)
      let file = try WindowedFile(provider, .descriptor(original))
      try original.resize(to: 300_010)
      #expect(try provider.status(of: file.opened.handle).size == 300_010)
      #expect(file.loadAll().allSatisfy { $0 == nil } && file.bytes == content)
      // To list them takes a descriptor.
      try held.removeLast().close()
      #expect(try threadCount() > threads)
      provider.shutdown()
      #expect(throws: MapError(.shutdown)) { try provider.status(of: file.opened.handle) }
      file.close()
      while try threadCount() > threads { sched_yield() }
      Self.empty(held)
    }
  }

  @Test func `its errors are those of any file`() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      let path = try directory.file("file", [1, 2, 3])
      let written = try FileDescriptor.open(path, .writeOnly)
      let held = try Self.fillTable()
      let provider = try URingProvider(method: .pread)
      let missing = FileSource.path(FilePath(path.string + ".missing"))
      let cases: [(FileSource, MapError)] = [
        (missing, MapError(.openFailed, source: missing, errno: .noSuchFileOrDirectory)),
        (.path("/"), MapError(.notRegularFile, source: .path("/"), errno: .isDirectory)),
        (.path("/dev/zero"), MapError(.notRegularFile, source: .path("/dev/zero"))),
        (
          .descriptor(written),
          MapError(.openFailed, source: .descriptor(written), errno: .permissionDenied)
        ),
      ]
      for (source, error) in cases {
        #expect(throws: error) { try provider.open(source) }
      }
      Self.empty(held)
    }
  }

  @Test func `paths begin in a directory, and end at no link`() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      let content = patternedBytes(9_000)
      let path = try directory.file("file", content)
      let link = FilePath(path.string + ".link")
      try FileManager.default.createSymbolicLink(
        atPath: link.string, withDestinationPath: path.string)
      let folder = try FileDescriptor.open(path.removingLastComponent(), .readOnly)
      let paths = try PathResolution(in: folder, followsLinks: false)
      let provider = try URingProvider(method: .pread, paths: paths)
      let held = try Self.fillTable()
      let file = try WindowedFile(provider, .path(FilePath(path.lastComponent!.string)))
      #expect(file.loadAll().allSatisfy { $0 == nil } && file.bytes == content)
      #expect(throws: MapError.self) {
        try provider.open(.path(FilePath(link.lastComponent!.string)))
      }
      Self.empty(held)
    }
  }

  @Test func `a full table there, too`() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      let path = try directory.file("file", patternedBytes(9_000))
      let held = try Self.fillTable()
      let provider = try URingProvider(method: .pread)
      var files: [OpenedFile] = []
      let error = #expect(throws: MapError.self) {
        for _ in 0..<5_000 { files.append(try provider.open(.path(path))) }
      }
      #expect(error?.code == .handlesExhausted && error?.errno == .tooManyOpenFiles)
      #expect(files.count > held.count)
      for file in files { provider.close(file.handle) }
      provider.close(try provider.open(.path(path)).handle)
      Self.empty(held)
    }
  }

  @Test func `a kernel or a sandbox that knows no such thing`() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      let path = try directory.file("file", patternedBytes(9_000))
      var held = try Self.fillTable()
      for (call, errno) in [
        (Syscall.leaveDescriptors, Errno.noFunction), (.leaveDescriptors, .notPermitted),
        (.startThread, .resourceTemporarilyUnavailable),
      ] {
        let faults = SyscallFaults()
        faults.fail(call, with: errno, times: 2)
        let provider = try URingProvider(method: .pread, faults: faults)
        for _ in 0..<2 {
          Self.refill(&held)
          #expect(throws: MapError(.handlesExhausted, source: .path(path), errno: errno)) {
            try provider.open(.path(path))
          }
        }
      }
      Self.empty(held)
    }
  }

  @Test func `several threads read at a time, and none waits for another's file`() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      let files = try (0..<8).map { index in
        let content = patternedBytes(40_000 + index)
        return (try directory.file("file\(index)", content), content)
      }
      let held = try Self.fillTable()
      let provider = try URingProvider(method: .pread)
      let mistakes = Guarded(0)
      let threads = try (0..<8).map { index in
        try ServiceThread {
          for round in 0..<50 {
            let (path, content) = files[(index + round) % 8]
            do {
              let file = try WindowedFile(provider, .path(path))
              defer { file.close() }
              if !file.loadAll().allSatisfy({ $0 == nil }) || file.bytes != content {
                mistakes.withLock { $0 += 1 }
              }
            } catch {
              mistakes.withLock { $0 += 1 }
            }
          }
        }
      }
      for thread in threads { thread.join() }
      #expect(mistakes.withLock { $0 } == 0)
      Self.empty(held)
    }
  }

  @Test func `a child has none of it`() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      let content = patternedBytes(9_000)
      let path = try directory.file("file", content)
      let held = try Self.fillTable()
      let provider = try URingProvider(method: .pread)
      let file = try WindowedFile(provider, .path(path))
      let child = forkProcess()
      if child == 0 {
        let isRight = file.loadAll().allSatisfy { $0?.code == .forked }
        file.close()
        provider.shutdown()
        _exit(isRight ? 0 : 1)
      }
      #expect(endsWell(child))
      #expect(file.loadAll().allSatisfy { $0 == nil } && file.bytes == content)
      file.close()
      Self.empty(held)
    }
  }
}
