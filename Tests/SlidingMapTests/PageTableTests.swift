import Foundation
import Glibc
import MapTestSupport
import MapTesting
import SlidingMap
import Testing

/// Page tables that windows leave behind, which no budget counts. In processes of their own.
struct PageTableTests {
  /// Whether this kernel frees a table when all that it stands for is emptied at once.
  private static let areFreed: Bool = {
    let (count, reach) = (256, 2 << 20)
    let base = unsafe mmap(
      nil, count * reach, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard unsafe base != MAP_FAILED, let base = unsafe base else { return false }
    defer { unsafe munmap(base, count * reach) }
    unsafe madvise(base, count * reach, MADV_NOHUGEPAGE)
    var sum: UInt8 = 0
    for index in 0..<count {
      sum &+= unsafe base.load(fromByteOffset: index * reach, as: UInt8.self)
    }
    let before = status("VmPTE")
    for index in 0..<count { unsafe madvise(base + index * reach, reach, MADV_DONTNEED) }
    // Other tests come and go meanwhile.
    return sum == 0 && status("VmPTE") < before - count * 4096 / 2
  }()

  /// A line of /proc/self/status, in bytes.
  static func status(_ name: String) -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix(name + ":") }
    return (Int(line?.filter(\.isNumber) ?? "") ?? 0) << 10
  }

  @Test(
    .enabled(if: areFreed, "this kernel keeps page tables"),
    .disabled(if: ProcessResources.isSanitized, "a sanitizer has page tables of its own"),
    arguments: BackendKind.allCases,
    [3 << 12, 64 << 10, 256 << 10])
  func `Tables go with the windows they were made for`(kind: BackendKind, window: Int) async {
    await #expect(processExitsWith: .success) { [kind, window] in
      let scratch = try Scratch()
      let stretches = 3_000
      let path = try scratch.resize("file", to: Int64(stretches) << 21)
      let maps = SlidingWindowMapManager(
        backend: try kind.make(), budget: .fixed(bytes: 8 << 20), windowSize: window,
        pattern: .random)
      var cursor = try maps.cursor(for: path)
      try cursor.use(at: 0, count: 1)
      let before = PageTableTests.status("VmPTE")
      var sum: UInt8 = 0
      // Each window in another stretch of 2 MiB, and the next ones across the end of a stretch.
      for round in 0..<2 {
        for stretch in 1..<stretches {
          let offset = Int64(stretch) << 21 - Int64(round)
          try cursor.use(at: offset, count: 2)
          sum |= unsafe cursor.bytes.unsafeLoad(fromByteOffset: 0, as: UInt8.self)
        }
      }
      // Some are kept, and there are those of the budget's windows, of the window table, and of what the program does itself.
      let left = PageTableTests.status("VmPTE") - before
      #expect(sum == 0 && left < 8 << 20, "\(left >> 10) KiB of tables")
      cursor.release()
      maps.collect()
      let kept = PageTableTests.status("VmPTE") - before
      #expect(kept < 2 << 20, "\(kept >> 10) KiB of tables")
      maps.shutdown()
    }
  }

  @Test(
    .disabled(if: ProcessResources.isSanitized, "a sanitizer has memory of its own"),
    arguments: BackendKind.allCases)
  func `What is noted of a huge file costs memory where it is read`(kind: BackendKind) async {
    await #expect(processExitsWith: .success) { [kind] in
      let scratch = try Scratch()
      let path = try scratch.resize("file", to: 8 << 40)
      let maps = SlidingWindowMapManager(
        backend: try kind.make(), budget: .fixed(bytes: 4 << 20), windowSize: 1 << 20)
      defer { maps.shutdown() }
      let before = PageTableTests.status("RssAnon")
      var cursor = try maps.cursor(for: path)
      for eighth in 0..<8 {
        try cursor.use(at: Int64(eighth) << 40, count: 1)
        #expect(unsafe cursor.bytes.unsafeLoad(fromByteOffset: 0, as: UInt8.self) == 0)
      }
      // Two bytes for each page table of the file would be 10 MiB; copies of windows are up to 4 MiB.
      let taken = PageTableTests.status("RssAnon") - before
      #expect(taken < 8 << 20, "\(taken >> 10) KiB")
    }
  }

  private static let model = content(5 << 20)

  /// Windows of a stretch that is emptied are brought in by others at the same time.
  @Test(arguments: BackendKind.allCases)
  func `What is emptied around a window takes nothing from others`(kind: BackendKind) throws {
    let scratch = try Scratch()
    let model = Self.model
    let path = try scratch.write("file", model)
    let maps = SlidingWindowMapManager(
      backend: try kind.make(), budget: .fixed(bytes: 24 << 12), windowSize: 1 << 12)
    let cursors = try (0..<4).map { _ in Held(try maps.cursor(for: path)) }
    try onThreads(4) { thread in
      var random = SystemRandomNumberGenerator()
      for _ in 0..<400 {
        let offset = Int.random(in: 0..<model.count - 6_000, using: &random)
        let isRight = try cursors[thread].cursor.withBytes(at: Int64(offset), count: 5_000) {
          shows($0, model, at: offset)
        }
        #expect(isRight)
      }
    }
    for held in cursors { held.cursor.release() }
    #expect(maps.statistics.usage.bytes <= 24 << 12)
    maps.shutdown()
  }
}
