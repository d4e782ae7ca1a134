import Dispatch
import Foundation
import SlidingMap
import SystemPackage
import Testing

/// `use` for tasks.
struct LeaseTests {
  private static let size = 8 << 20

  /// Counts the jobs that it is given: one for each time an actor goes on.
  private final class CountingExecutor: SerialExecutor {
    private let queue = DispatchQueue(label: "counting")
    private let jobs = Locked(0)
    var count: Int { jobs.withLock { $0 } }

    func enqueue(_ job: consuming ExecutorJob) {
      jobs.withLock { $0 += 1 }
      let job = UnownedJob(job)
      queue.async { unsafe job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
  }

  private actor Reader {
    private let executor = CountingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor {
      unsafe executor.asUnownedSerialExecutor()
    }

    /// How many jobs a hundred leases on bytes that are there take.
    func jobs(_ maps: MapManager, _ path: FilePath, count: Int) async throws -> Int {
      var cursor = try maps.cursor(for: path)
      try await cursor.lease(at: 0, count: count)
      // Of maps each page is touched.
      let sum = cursor.bytes.count(of: 1)
      let before = executor.count
      for _ in 0..<100 { try await cursor.lease(at: 0, count: count) }
      #expect(cursor.bytes.count(of: 1) == sum && sum > 0)
      return executor.count - before
    }
  }

  @Test(arguments: BackendKind.allCases)
  func `Where the bytes are there no task is suspended`(_ kind: BackendKind) async throws {
    let scratch = try Scratch()
    let path = try scratch.write("file", content(Self.size))
    let maps = SlidingWindowMapManager(
      backend: try kind.make(), budget: .fixed(bytes: 64 << 20), windowSize: 1 << 20)
    for count in [16 << 10, 100_000, Self.size] {
      let jobs = try await Reader().jobs(maps, path, count: count)
      #expect(jobs == 0, "\(count) bytes")
    }
  }

  @Test(arguments: BackendKind.allCases)
  func `It is a use`(_ kind: BackendKind) async throws {
    let scratch = try Scratch()
    let model = content(50_000)
    let path = try scratch.write("file", model)
    let maps = SlidingWindowMapManager(backend: try kind.make(), windowSize: 4096)
    var cursor = try maps.cursor(for: path)
    let isInside = try await cursor.lease(at: 10_000, count: 20_000)
    #expect(isInside && view(cursor) == .of(model, 10_000..<30_000))
    let isPast = try await cursor.lease(at: 50_000, count: 1)
    #expect(!isPast && view(cursor) == .none)
    let isEmpty = try await cursor.lease(at: 49_999, count: 0)
    #expect(isEmpty && maps.statistics.pinned == 0)
  }
  /// As a use that fails does.
  @Test(arguments: BackendKind.allCases)
  func `One that fails leaves nothing pinned`(_ kind: BackendKind) async throws {
    let scratch = try Scratch()
    let path = try scratch.write("file", content(50_000))
    let maps = SlidingWindowMapManager(backend: try kind.make(), windowSize: 4096)
    var cursor = try maps.cursor(for: path)
    try await cursor.lease(at: 0, count: 10)
    try scratch.resize("file", to: 10_000)
    _ = try maps.cursor(for: path)
    var code: MapError.Code?
    do { try await cursor.lease(at: 20_000, count: 10) } catch { code = error.code }
    #expect(code == .fileTruncated)
    #expect(view(cursor) == .none && maps.statistics.pinned == 0)
  }
}
