import Foundation
import MapTestSupport
import MapTesting
import SlidingMap
import SystemPackage
import Testing

/// One provider of several managers, and loads that nobody wants any more.
struct SharedProviderTests {
  private static let path = FilePath("/memory/file")
  private static let model = content(40 * 4096)

  @Test func aProviderEndsWithTheLastOfItsManagers() throws {
    let files = MemoryProvider([Self.path: Self.model])
    let one = SlidingWindowMapManager(backend: files, windowSize: 4096)
    let two = StaticWindowMapManager(backend: files)
    var cursor = try one.cursor(for: Self.path)
    try cursor.use(at: 0, count: 10)
    one.shutdown()
    one.shutdown()
    #expect(!files.isShutDown)
    var other = try two.cursor(for: Self.path)
    try other.use(at: 50_000, count: 100)
    #expect(view(other) == .of(Self.model, 50_000..<50_100))
    two.shutdown()
    #expect(files.isShutDown)
  }

  @Test func aProviderEndsWithTheLastOwner() throws {
    let files = MemoryProvider([Self.path: Self.model])
    var one: SlidingWindowMapManager? = SlidingWindowMapManager(backend: files, windowSize: 4096)
    do {
      var two: SlidingWindowMapManager? = SlidingWindowMapManager(backend: files, windowSize: 4096)
      var cursor = try #require(two).cursor(for: Self.path)
      two = nil
      one = nil
      // The cursor keeps its manager.
      try cursor.use(at: 0, count: 10)
      #expect(!files.isShutDown && one == nil)
    }
    #expect(files.isShutDown && files.openHandles == 0 && files.extents == 0)
  }

  /// With a ring's thread at work for both.
  @Test(arguments: [BackendKind.uring, .pread])
  func twoManagersReadByOneRing(_ kind: BackendKind) async throws {
    let scratch = try Scratch()
    let path = try scratch.write("file", Self.model)
    let provider = try #require(try kind.make() as? URingProvider)
    let one = SlidingWindowMapManager(backend: provider, windowSize: 4096)
    let two = SlidingWindowMapManager(backend: provider, windowSize: 8192)
    try one.prefetch(path, ranges: [0..<40 * 4096])
    try two.prefetch(path, ranges: [0..<40 * 4096])
    one.shutdown()
    #expect(one.statistics.inFlight == 0 && one.statistics.usage.bytes == 0)
    var cursor = try two.cursor(for: path)
    try await cursor.ready(at: 0, count: 40 * 4096)
    try cursor.use(at: 0, count: 40 * 4096)
    let seen = view(cursor)
    #expect(seen == .of(Self.model, 0..<40 * 4096))
    two.shutdown()
    cursor.release()
    #expect(mapError { _ = try two.cursor(for: path) }?.code == .shutdown)
    #expect(scratch.descriptors == 0)
  }

  /// A task that runs already. In which order it and the test go on from here is open: what is expected holds for each, and the
  /// scheduler tries them all.
  private func begun(
    _ body: @escaping @Sendable () async throws -> Void
  ) async -> Task<Void, any Error> {
    let (stream, start) = AsyncStream.makeStream(of: Void.self)
    let task = Task {
      start.finish()
      try await body()
    }
    for await _ in stream {}
    return task
  }

  @Test func whatNobodyWantsAnyMoreIsCancelled() async throws {
    let gate = Gates()
    let files = held(by: gate)
    let maps = SlidingWindowMapManager(backend: files, windowSize: 4096)
    let held = Held(try maps.cursor(for: Self.path))
    let first = Task { try await held.cursor.ready(at: 0, count: 8192) }
    while maps.statistics.inFlight < 2 { await Task.yield() }
    let second = await begun { try await held.cursor.ready(at: 4096, count: 4096) }
    let waits = await begun { try await held.cursor.ready(at: 4096, count: 4096) }
    first.cancel()
    #expect(await mapErrorOfTask { try await first.value }?.code == .cancelled)
    // The others want one of its windows.
    #expect(files.cancellations == 0)
    waits.cancel()
    #expect(await mapErrorOfTask { try await waits.value }?.code == .cancelled)
    #expect(files.cancellations == 0)
    second.cancel()
    #expect(await mapErrorOfTask { try await second.value }?.code == .cancelled)
    #expect(files.cancellations == 1)
    // Who comes before the load has ended starts it anew.
    let late = await begun { try await held.cursor.ready(at: 0, count: 4096) }
    gate.open()
    try await late.value
    try held.cursor.use(at: 0, count: 4096)
    #expect(view(held.cursor) == .of(Self.model, 0..<4096))
    #expect(maps.statistics.counts.failedLoads == 0)
  }

  @Test func whatWasPrefetchedIsNotCancelledByWhoWaitsForIt() async throws {
    let gate = Gates()
    let files = held(by: gate)
    let maps = SlidingWindowMapManager(backend: files, windowSize: 4096)
    try maps.prefetch(Self.path, ranges: [0..<4096])
    let held = Held(try maps.cursor(for: Self.path))
    let ready = await begun { try await held.cursor.ready(at: 0, count: 4096) }
    ready.cancel()
    #expect(await mapErrorOfTask { try await ready.value }?.code == .cancelled)
    #expect(files.cancellations == 0)
    gate.open()
    try held.cursor.use(at: 0, count: 10)
    #expect(maps.statistics.counts.loads == 1)
  }

  /// A thread that uses the bytes does not hear of it that a task gave them up.
  @Test func aUseLoadsWhatATaskGaveUp() async throws {
    let gate = Gates()
    let files = held(by: gate)
    let maps = SlidingWindowMapManager(backend: files, windowSize: 4096)
    let held = Held(try maps.cursor(for: Self.path))
    let user = Held(try maps.cursor(for: Self.path))
    let ready = Task { try await held.cursor.ready(at: 0, count: 4096) }
    while maps.statistics.inFlight < 1 { await Task.yield() }
    ready.cancel()
    #expect(await mapErrorOfTask { try await ready.value }?.code == .cancelled)
    let done = Locked(false)
    Thread {
      _ = try? user.cursor.use(at: 0, count: 100)
      done.withLock { $0 = true }
    }.start()
    gate.open()
    while !done.withLock({ $0 }) { await Task.yield() }
    #expect(view(user.cursor) == .of(Self.model, 0..<100))
  }

  // MARK: What backends tell of themselves

  @Test func aBackendsWindowsAreTakenWhereTheUserNamesNone() throws {
    final class Far: RegionProvider {
      var name: String { "far" }
      var preferredWindowSize: Int? { 8 << 20 }
      func open(_ source: FileSource) throws(MapError) -> OpenedFile {
        throw MapError(
          .custom("throttled"), errno: .resourceBusy, underlying: Throttled(seconds: 3))
      }
      func status(of handle: Handle) throws(MapError) -> FileStatus { throw MapError(.readFailed) }
      func close(_ handle: Handle) {}
      func read(
        _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
      ) throws(MapError) -> Int { throw MapError(.readFailed) }
    }
    struct Throttled: Error { let seconds: Int }
    #expect(SlidingWindowMapManager(backend: Far()).windowSize == 8 << 20)
    #expect(SlidingWindowMapManager(backend: Far(), windowSize: 4096).windowSize == 4096)
    let maps = SlidingWindowMapManager(backend: FaultProvider(Far()) { _ in nil })
    #expect(maps.windowSize == 8 << 20)
    // And an author's own code arrives with what lies beneath.
    let error = mapError { _ = try maps.cursor(for: .name("x")) }
    #expect(error?.code == .custom("throttled") && error?.source == .name("x"))
    #expect((error?.underlying as? Throttled)?.seconds == 3)
    #expect(error?.description.contains("throttled") == true)
    #expect(MapError.Code.custom("shutdown") != .shutdown)
  }

  /// A backend whose reads wait for a gate.
  private func held(by gate: Gates) -> MemoryProvider {
    MemoryProvider([Self.path: Self.model]) { _ in
      gate.wait()
      return nil
    }
  }
}
