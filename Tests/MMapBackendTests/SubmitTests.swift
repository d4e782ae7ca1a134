import Foundation
import Glibc
import MMapBackend
import MapProtocols
import MapTestSupport
import MapTesting
import SystemPackage
import Testing

/// Which thread a load that is submitted runs on, and how it ends.
@Suite struct SubmitTests {
  let directory: TemporaryDirectory
  let path: FilePath
  let faults = SyscallFaults()
  let provider: MMapProvider
  let file: OpenedFile
  let extent: Extent

  init() throws {
    directory = try TemporaryDirectory()
    path = try directory.file("file", patternedBytes(1 << 20))
    provider = MMapProvider(faults: faults)
    file = try provider.open(.path(path))
    extent = try provider.map(
      file.handle, fileSize: 1 << 20, byteCount: 1 << 20, alignment: 4_096)
  }

  private func load(_ offset: Int64, _ byteCount: Int, tag: Int = 0) -> RegionLoad {
    RegionLoad(
      region: ExtentRange(extent: extent, offset: offset, byteCount: byteCount),
      handle: file.handle, tag: tag)
  }

  private func close() {
    provider.unmap(extent)
    provider.close(file.handle)
  }

  private func isLoaded(_ load: RegionLoad) throws -> Bool {
    guard ProcessResources.isAvailable else { return true }
    let pages = try unsafe ProcessResources.residentPages(
      from: load.region.start, byteCount: load.region.byteCount)
    return pages.count == (load.region.byteCount + 4_095) / 4_096
  }

  @Test(.enabled(if: canTellResidence))
  func `few bytes that the page cache has are there at once, without a thread`() throws {
    let loads = [load(0, 4_096, tag: 0), load(8_192, 16_384, tag: 1)]
    let tally = LoadTally(2)
    // The file was just written. Should its pages have left the cache all the same, they come back by this.
    _ = try readBytes(of: path, 0..<1 << 20)
    provider.submit(loads, completion: tally.note)
    tally.expectOneEndEach()
    #expect(tally.errors == [])
    #expect(try loads.allSatisfy(isLoaded))
    #expect(faults.calls(of: .startThread) == 0)
    close()
  }

  @Test func `what may have to wait for a disk is left to one thread`() throws {
    let tally = LoadTally(40)
    let errno = Errno.resourceTemporarilyUnavailable
    for tag in 0..<40 {
      var load = load(Int64(tag) * 16_384, 4_096, tag: tag)
      switch tag % 4 {
      // Not in the page cache; on a file system that can't tell; without a descriptor to ask by; too large to ask for.
      case 0: faults.fail(.readCached, with: errno)
      case 1: faults.fail(.readCached, with: .notSupported)
      case 2: load = RegionLoad(region: load.region, handle: nil, tag: tag)
      default: load = self.load(Int64(tag) * 16_384, 20_000, tag: tag)
      }
      provider.submit([load], completion: tally.note)
    }
    tally.waitForAll()
    #expect(tally.errors == [])
    #expect(faults.calls(of: .startThread) == 1)
    provider.shutdown()
    tally.expectOneEndEach()
    close()
  }

  @Test(.enabled(if: canTellResidence))
  func `without cachestat the page cache is asked all the same`() throws {
    faults.fail(.cachestat, with: .notPermitted)
    let tally = LoadTally(1)
    provider.submit([load(0, 4_096)], completion: tally.note)
    tally.expectOneEndEach()
    #expect(faults.calls(of: .startThread) == 0)
    close()
  }

  @Test func `without a thread to be had the caller waits`() throws {
    faults.fail(.startThread, with: .resourceTemporarilyUnavailable)
    let loads = (0..<4).map { load(Int64($0) << 18, 1 << 18, tag: $0) }
    let tally = LoadTally(4)
    provider.submit(loads, completion: tally.note)
    tally.expectOneEndEach()
    #expect(tally.errors == [])
    #expect(try loads.allSatisfy(isLoaded))
    // The next time there may be one, where nobody can tell that all is there.
    faults.fail(.pageMap, with: .noSuchFileOrDirectory, times: 4)
    let second = LoadTally(4)
    provider.submit(loads, completion: second.note)
    second.waitForAll()
    #expect(faults.calls(of: .startThread) == 2)
    provider.shutdown()
    close()
  }

  @Test(arguments: [false, true])
  func `loads fail one by one`(withoutThread: Bool) throws {
    try directory.resize(path, to: 5_000)
    if withoutThread { faults.fail(.startThread, with: .noMemory) }
    let tally = LoadTally(3)
    provider.submit(
      [load(0, 8_192, tag: 0), load(65_536, 4_096, tag: 1), load(1 << 19, 1 << 18, tag: 2)],
      completion: tally.note)
    tally.waitForAll()
    #expect(tally.errors.map(\.code) == [.fileTruncated, .fileTruncated])
    #expect(tally.errors.map(\.range) == [65_536..<69_632, 1 << 19..<3 << 18])
    provider.shutdown()
    tally.expectOneEndEach()
    close()
  }

  @Test func `a bad disk`() throws {
    let tally = LoadTally(1)
    // It is asked three times.
    faults.fail(.madvise, with: .badAddress, times: 3)
    provider.submit([load(4_096, 4_096)], completion: tally.note)
    tally.waitForAll()
    #expect(tally.errors == [MapError(.readFailed, range: 4_096..<8_192, errno: .ioError)])
    close()
  }

  @Test func `after shutdown nothing is loaded, and all else works`() throws {
    provider.shutdown()
    provider.shutdown()
    let tally = LoadTally(2)
    provider.submit([load(0, 4_096), load(1 << 19, 1 << 18, tag: 1)], completion: tally.note)
    tally.expectOneEndEach()
    #expect(tally.errors.map(\.code) == [.shutdown, .shutdown])
    #expect(tally.errors.map(\.range) == [0..<4_096, 1 << 19..<3 << 18])
    var loads = [load(0, 1 << 20)]
    provider.load(&loads)
    #expect(loads[0].error == nil)
    provider.unload(loads.map(\.region))
    let again = try provider.open(.path(path))
    #expect(again.status == file.status)
    provider.close(again.handle)
    close()
  }

  @Test func `a completion may shut down`() throws {
    let tally = LoadTally(30)
    let provider = provider
    provider.submit((0..<30).map { load(Int64($0) << 15, 1 << 15, tag: $0) }) { loads in
      tally.note(loads)
      if loads.contains(where: { $0.tag == 3 }) {
        provider.shutdown()
        tally.expectOneEndEach()
        provider.shutdown()
      }
    }
    tally.waitForAll()
    #expect(tally.errors.map(\.code) == Array(repeating: .shutdown, count: 26))
    provider.shutdown()
    tally.expectOneEndEach()
    close()
  }

  /// Whoever of them tells the ends, each returns when all were told.
  @Test func `threads may shut down at once`() throws {
    let tally = LoadTally(30)
    provider.submit((0..<30).map { load(Int64($0) << 15, 1 << 15, tag: $0) }) { loads in
      for _ in 0..<50 { sched_yield() }
      tally.note(loads)
    }
    let provider = provider
    let early = Guarded(0)
    let threads = try (0..<4).map { _ in
      try ServiceThread {
        provider.shutdown()
        if !tally.wrongEnds.isEmpty { early.withLock { $0 += 1 } }
      }
    }
    for thread in threads { thread.join() }
    #expect(early.withLock { $0 } == 0, "a shutdown returned before all ends were told")
    tally.expectOneEndEach()
    close()
  }

  /// Threads are counted in a process that has no others.
  @Test(.enabled(if: ProcessResources.isAvailable), arguments: [false, true])
  func `the last reference takes the thread along`(inCompletion: Bool) async {
    await #expect(processExitsWith: .success) { [inCompletion] in
      let directory = try TemporaryDirectory()
      let path = try directory.file("file", patternedBytes(1 << 20))
      let before = try threads()
      let tally = LoadTally(1)
      let keeper = MMapProvider.mmap
      let file = try keeper.open(.path(path))
      let extent = try keeper.map(
        file.handle, fileSize: 1 << 20, byteCount: 1 << 20, alignment: 4_096)
      let load = RegionLoad(
        region: ExtentRange(extent: extent, offset: 0, byteCount: 1 << 20), handle: file.handle)
      var provider: MMapProvider? = MMapProvider()
      if inCompletion {
        // The thread itself lets go of it, once the load is done.
        let held = Held(provider)
        provider?.submit([load]) { load in
          held.drop()
          tally.note(load)
        }
      } else {
        provider?.submit([load], completion: tally.note)
      }
      provider = nil
      tally.waitForAll()
      // A thread is listed until the kernel has cleared it away.
      while try threads() > before { sched_yield() }
      keeper.unmap(extent)
      keeper.close(file.handle)
    }
  }

  /// In a process of its own, which it forks: Swift hides fork(2), which is found by name.
  @Test func `a child waits for no thread`() async {
    await #expect(processExitsWith: .success) {
      typealias Fork = @convention(c) () -> pid_t
      let found = unsafe dlsym(nil, "fork")
      let fork = unsafe unsafeBitCast(found, to: Fork.self)
      let directory = try TemporaryDirectory()
      let path = try directory.file("file", patternedBytes(1 << 20))
      let provider = MMapProvider.mmap
      let file = try provider.open(.path(path))
      let extent = try provider.map(
        file.handle, fileSize: 1 << 20, byteCount: 1 << 20, alignment: 4_096)
      let load = RegionLoad(
        region: ExtentRange(extent: extent, offset: 0, byteCount: 1 << 20), handle: file.handle)
      // Twice: after the second end the thread is done with the first load. What Swift's runtime makes at the first of its kind, a type's
      // metadata, it makes under locks, and who forks meanwhile has them locked for ever in the child.
      for _ in 0..<2 {
        let parents = LoadTally(1)
        provider.submit([load], completion: parents.note)
        parents.waitForAll()
      }
      let childs = LoadTally(1)
      let child = fork()
      if child == 0 {
        provider.submit([load], completion: childs.note)
        provider.shutdown()
        _exit(childs.errors.isEmpty && childs.wrongEnds.isEmpty ? 0 : 1)
      }
      var status: CInt = 0
      #expect(unsafe waitpid(child, &status, 0) == child)
      #expect(status == 0)
      provider.shutdown()
      provider.unmap(extent)
      provider.close(file.handle)
    }
  }
}

/// A reference that one thread holds and another drops.
private final class Held: @unchecked Sendable {
  private var provider: MMapProvider?
  init(_ provider: MMapProvider?) { self.provider = provider }
  func drop() { provider = nil }
}

/// Whether the test's files lie on a file system known to have reads that don't wait (RWF_NOWAIT): ext4, xfs, btrfs. tmpfs
/// and overlayfs have none.
private let canTellResidence: Bool = {
  let path = FileManager.default.temporaryDirectory.resolvingSymlinksInPath().path + "/"
  let mounts = (try? readBytes(of: "/proc/self/mounts", 0..<1 << 20)) ?? []
  // The longest place that leads to the path is its mount.
  var best = (place: "", type: "")
  for line in String(decoding: mounts, as: UTF8.self).split(separator: "\n") {
    // Device, place, type and more.
    let words = line.split(separator: " ").map(String.init)
    guard words.count > 2 else { continue }
    let place = words[1] == "/" ? "/" : words[1] + "/"
    if path.hasPrefix(place), place.count >= best.place.count { best = (place, words[2]) }
  }
  return ["ext4", "xfs", "btrfs"].contains(best.type)
}()

private func threads() throws -> Int {
  try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
}
