import Foundation
import MapTesting
import SlidingMap
import SystemPackage
import Testing

/// Cursors for tasks, which must not block.
struct OpeningTests {
  private static let model = content(40_000)

  @Test(arguments: BackendKind.allCases)
  func aTaskOpensAFile(_ kind: BackendKind) async throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(backend: try kind.make(), windowSize: 4096)
    let path = try scratch.write("file", Self.model)
    var cursor = try await maps.open(path)
    try cursor.use(at: 5000, count: 9000)
    let seen = view(cursor)
    #expect(seen == .of(Self.model, 5000..<14_000))
    let again = try await maps.open(.path(path))
    #expect(again.fileSize == 40_000 && maps.statistics.files == 1)
    let missing = await mapErrorOfTask { _ = try await maps.open("/nowhere/at/all") }
    #expect(missing?.code == .openFailed && missing?.errno == .noSuchFileOrDirectory)
    #expect(missing?.source == .path("/nowhere/at/all"))
    maps.shutdown()
    let late = await mapErrorOfTask { _ = try await maps.open(path) }
    #expect(late?.code == .shutdown)
  }

  /// More of them than there are handles; each waits for its turn without a thread.
  @Test(arguments: [BackendKind.mmap, .uring, .pread])
  func manyTasksShareFewHandles(_ kind: BackendKind) async throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(
      backend: try kind.make(), budget: .fixed(handles: 2), windowSize: 4096)
    for number in 0..<40 { try scratch.write("\(number)", content(9000, seed: UInt64(number))) }
    let wrong = try await withThrowingTaskGroup(of: Int.self) { group in
      for number in 0..<200 {
        group.addTask {
          let name = number % 40
          var cursor = try await maps.open(scratch["\(name)"])
          try cursor.use(at: 0, count: 9000)
          return view(cursor) == .of(content(9000, seed: UInt64(name)), 0..<9000) ? 0 : 1
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(wrong == 0 && maps.statistics.usage.handles <= 2 && maps.statistics.peak.handles <= 2)
    #expect(maps.statistics.cursors == 0)
  }

  /// Which each of them uses at once, so that windows want handles as well.
  @Test(arguments: [1, 2, 16])
  func tasksThatReadShareFewHandles(_ handles: Int) async throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(
      backend: .pread, budget: .fixed(handles: handles), windowSize: 4096)
    for number in 0..<20 { try scratch.write("\(number)", content(10_000, seed: UInt64(number))) }
    let wrong = try await withThrowingTaskGroup(of: Int.self) { group in
      for number in 0..<1000 {
        group.addTask {
          let name = number % 20
          let path = scratch["\(name)"]
          var cursor = number % 3 == 0 ? try maps.cursor(for: path) : try await maps.open(path)
          var wrong = 0
          for offset in [0, 4096, 8192] {
            try cursor.use(at: Int64(offset), count: 100)
            let model = content(10_000, seed: UInt64(name))
            wrong += view(cursor) == .of(model, offset..<offset + 100) ? 0 : 1
          }
          return wrong
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(wrong == 0 && maps.statistics.usage.handles <= handles && maps.statistics.cursors == 0)
  }

  /// A file that the manager holds is found without a further handle.
  @Test func aFileThatIsHeldNeedsNoHandle() async throws {
    let scratch = try Scratch()
    let path = try scratch.write("file", Self.model)
    let maps = SlidingWindowMapManager(
      backend: .pread, budget: .fixed(handles: 1), windowSize: 4096)
    let descriptor = try FileDescriptor.open(path, .readOnly)
    defer { try? descriptor.close() }
    var held = try await maps.open(descriptor)
    try held.use(at: 0, count: 10)
    var cursor = try await maps.open(path)
    try cursor.use(at: 9000, count: 5000)
    let seen = view(cursor)
    #expect(seen == .of(Self.model, 9000..<14_000) && maps.statistics.files == 1)
    var count = 0
    for try await window in maps.windows(of: path) { count += window.range.count }
    #expect(count == 40_000)
    #expect(view(held) == .of(Self.model, 0..<10))
  }

  /// A backend whose files take long to open does not hold the pool's threads, nor with faults in front of it.
  @Test(arguments: [false, true])
  func aSlowOpenHoldsNobodyUp(_ isWrapped: Bool) async throws {
    let slow = Slow()
    let maps =
      isWrapped
      ? SlidingWindowMapManager(
        backend: FaultProvider(slow) { _ in nil }, budget: .fixed(handles: 1), windowSize: 4096)
      : SlidingWindowMapManager(backend: slow, budget: .fixed(handles: 1), windowSize: 4096)
    let tasks = (0..<20).map { number in
      Task { try await maps.open(.name("\(number)")).fileSize }
    }
    while slow.waiting == 0 { await Task.yield() }
    #expect(slow.waiting == 1)
    // With more tasks than threads waiting for it.
    for _ in 0..<20 {
      while slow.waiting == 0 { await Task.yield() }
      slow.letOneGo()
    }
    for (number, task) in tasks.enumerated() { #expect(try await task.value == Int64(number)) }
    #expect(maps.statistics.files == 0 && maps.statistics.usage.handles == 0)
  }

  private final class Slow: AsynchronousProvider {
    private let continuations = Locked<[CheckedContinuation<Void, Never>]>([])
    var name: String { "slow" }
    var waiting: Int { continuations.withLock { $0.count } }
    func letOneGo() { continuations.withLock { $0.removeFirst() }.resume() }

    func open(_ source: FileSource) throws(MapError) -> OpenedFile {
      guard case .name(let name) = source, let number = Int(name) else {
        throw MapError(.unsupported)
      }
      let status = FileStatus(
        identity: FileIdentity(UInt64(number)), version: FileVersion(1), size: Int64(number))
      return OpenedFile(handle: Handle(rawValue: number), status: status)
    }
    func open(_ source: FileSource) async throws(MapError) -> OpenedFile {
      await withCheckedContinuation { continuation in
        continuations.withLock { $0.append(continuation) }
      }
      let open: (FileSource) throws(MapError) -> OpenedFile = self.open
      return try open(source)
    }
    func status(of handle: Handle) throws(MapError) -> FileStatus {
      throw MapError(.fileChanged)
    }
    func close(_ handle: Handle) {}
    func read(
      _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(MapError) -> Int { throw MapError(.readFailed) }
  }
}
