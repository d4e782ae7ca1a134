import Foundation
import MapTestSupport
import MapTesting
import SlidingMap
import SystemPackage
import Testing

#if os(Linux)
  /// Programs whose writable memory the system counts, used or not (RLIMIT_DATA), in processes of their own.
  @Suite(
    .serialized, .enabled(if: ProcessResources.isAvailable, "needs /proc"),
    .disabled(if: ProcessResources.isSanitized, "a sanitizer's memory is not the program's"))
  struct CountedMemoryTests {
    @Test(arguments: [BackendKind.pread, .uring])
    func `Windows alone are counted, and their memory comes back`(kind: BackendKind) async {
      await #expect(processExitsWith: .success) { [kind] in
        let bench = try SparseBench(kind, size: 4 << 30)
        let before = try limitData(to: 64 << 20)
        let maps = SlidingWindowMapManager(
          backend: bench.provider, budget: .fixed(bytes: 24 << 20), windowSize: 1 << 20)
        try bench.read(through: maps, times: 300)
        let statistics = maps.statistics
        #expect(statistics.usage.regions > 20 && statistics.peak.bytes <= 24 << 20)
        // Of the file's extent, and of each window: an open one parts the addresses around it.
        #expect(statistics.usage.maps == 2 + 2 * statistics.usage.regions)
        #expect(statistics.counts.evictions > 200 && statistics.counts.failedLoads == 0)
        let full = try ProcessResources()
        #expect(maps.collect() > 20 && maps.statistics.usage.maps == 0)
        #expect(full.dataBytes - (try ProcessResources()).dataBytes > 16 << 20)
        try bench.read(through: maps, times: 50)
        maps.shutdown()
        #expect(try ProcessResources().dataBytes - before < 16 << 20)
      }
    }

    /// What the system refuses has others leave, and is asked for again.
    @Test(arguments: [BackendKind.pread, .uring])
    func `A budget of more than the system gives`(kind: BackendKind) async {
      await #expect(processExitsWith: .success) { [kind] in
        let bench = try SparseBench(kind, size: 1 << 30)
        _ = try limitData(to: 48 << 20)
        let maps = SlidingWindowMapManager(
          backend: bench.provider, budget: .fixed(bytes: 1 << 30), windowSize: 1 << 20)
        try bench.read(through: maps, times: 500)
        #expect(maps.statistics.counts.evictions > 100 && maps.statistics.usage.regions > 4)
        let cursor = Held(try maps.cursor(for: bench.path))
        for index in 0..<100 {
          try await cursor.cursor.ready(at: Int64(index) * 5 << 20, count: 2 << 20)
          try cursor.cursor.use(at: Int64(index) * 5 << 20, count: 2 << 20)
        }
        cursor.cursor.release()
        maps.collect()
        #expect(maps.statistics.usage.bytes == 0 && maps.statistics.usage.maps <= 2)
        // More at once than there is.
        #expect(mapError { try cursor.cursor.use(at: 0, count: 256 << 20) }?.code != nil)
        try bench.read(through: maps, times: 50)
      }
    }

    @Test func `Kernel maps bound open windows`() async {
      await #expect(processExitsWith: .success) {
        let bench = try SparseBench(.pread, size: 1 << 30)
        _ = try limitData(to: 64 << 20)
        let maps = SlidingWindowMapManager(
          backend: bench.provider, budget: .fixed(bytes: 32 << 20, maps: 13), windowSize: 1 << 20)
        try bench.read(through: maps, times: 200)
        #expect(maps.statistics.peak.maps <= 13 && maps.statistics.usage.regions == 5)
        #expect(maps.statistics.counts.failedLoads == 0)
      }
    }

    /// The default, whose takeover reads copies when descriptors are short.
    @Test func `A takeover reads on`() async {
      await #expect(processExitsWith: .success) {
        let scratch = try Scratch()
        let models = (0..<40).map { content(200_000, seed: UInt64($0)) }
        let paths = try models.indices.map { try scratch.write("file-\($0)", models[$0]) }
        _ = try limitData(to: 40 << 20)
        let maps = SlidingWindowMapManager(budget: .fixed(bytes: 8 << 20, maps: 12, handles: 6))
        for round in 0..<200 {
          let index = round * 7 % models.count
          var cursor = try maps.cursor(for: paths[index])
          let isRight = try cursor.withBytes(at: 5_000, count: 190_000) {
            shows($0, models[index], at: 5_000)
          }
          #expect(isRight)
        }
        maps.shutdown()
      }
    }
  }

  /// Lets the process have so much more memory to write to than it has, and tells how much that is.
  private func limitData(to more: Int) throws -> Int {
    let now = try ProcessResources().dataBytes
    try setLimit(RLIMIT_DATA, to: UInt(now + more))
    return now
  }
#endif
