import Foundation
import SlidingMap
import Testing

/// What is made of a backend whose author was careless: the program ends at once, with the backend's name, or a request fails. It never
/// goes on with a wrong book.
struct ProviderContractTests {
  /// A file of three windows of zeros, and one mistake.
  private final class Careless: RegionProvider {
    enum Mistake: String, CaseIterable, Codable, Sendable {
      case readsTooMuch, readsLessThanNothing, dropsARequest, endsTwice, endsWhatWasNotAsked
      case forgetsAnEnd, readsTooLittle, opensAgainAsAnother
    }
    static let size = 3 * 4096
    private let mistake: Mistake
    private let opened = Locked(0)

    init(_ mistake: Mistake) { self.mistake = mistake }

    var name: String { "careless" }

    private var status: FileStatus {
      FileStatus(identity: FileIdentity(7), version: FileVersion(1), size: Int64(Self.size))
    }

    func open(_ source: FileSource) throws(MapError) -> OpenedFile {
      let number = opened.withLock {
        $0 += 1; return $0
      }
      return OpenedFile(handle: Handle(rawValue: number), status: status)
    }
    func status(of handle: Handle) throws(MapError) -> FileStatus {
      if mistake != .opensAgainAsAnother { return status }
      return FileStatus(identity: FileIdentity(8), version: FileVersion(1), size: status.size)
    }
    func close(_ handle: Handle) {}

    func read(
      _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(MapError) -> Int {
      let count = min(buffer.count, Self.size - Int(offset))
      switch mistake {
      case .readsTooMuch: return buffer.count + 1
      case .readsLessThanNothing: return -1
      case .readsTooLittle: return count / 2
      default: return count
      }
    }

    func read(_ requests: inout [ReadRequest]) {
      for index in requests.indices {
        let request = requests[index]
        do throws(MapError) {
          let count = try unsafe read(request.handle, at: request.offset, into: request.buffer)
          requests[index].result = .success(count)
        } catch {
          requests[index].result = .failure(error)
        }
      }
      if mistake == .dropsARequest { requests.removeLast() }
    }

    func submit(
      _ requests: [ReadRequest], completion: @escaping @Sendable ([ReadRequest]) -> Void
    ) -> LoadCancellation {
      if mistake == .forgetsAnEnd { return .impossible }
      var requests = requests
      read(&requests)
      completion(requests)
      if mistake == .endsTwice { completion(requests) }
      if mistake == .endsWhatWasNotAsked, let first = requests.first {
        unsafe completion([ReadRequest(first.handle, at: 0, into: first.buffer, tag: 1000)])
      }
      return .impossible
    }
  }

  @Test(arguments: [
    Careless.Mistake.readsTooMuch, .readsLessThanNothing, .dropsARequest, .endsTwice,
    .endsWhatWasNotAsked,
  ])
  private func aMistakeIsToldByTheBackendsName(_ mistake: Careless.Mistake) async throws {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { [mistake] in
      let maps = SlidingWindowMapManager(backend: Careless(mistake), windowSize: 4096)
      var cursor = try maps.cursor(for: .name("file"))
      // What never ends can't be told from what takes long.
      if mistake != .dropsARequest { try await cursor.ready(at: 0, count: 4096) }
      try cursor.use(at: 4096, count: 4096)
      exit(EXIT_SUCCESS)
    }
    let report = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(report.contains("the backend \"careless\" "))
  }

  /// Nobody waits for it for ever, once the backend has shut down.
  @Test func anEndThatIsForgottenIsAnErrorAtShutdown() async throws {
    let maps = SlidingWindowMapManager(backend: Careless(.forgetsAnEnd), windowSize: 4096)
    let held = Held(try maps.cursor(for: .name("file")))
    let task = Task { try await held.cursor.ready(at: 0, count: 4096) }
    while maps.statistics.inFlight == 0 { await Task.yield() }
    let user = Held(try maps.cursor(for: .name("file")))
    let failure = Locked<MapError?>(nil)
    let asks = DispatchSemaphore(value: 0)
    try onThreads(2) { index in
      if index == 0 {
        asks.signal()
        let error = mapError { try user.cursor.use(at: 0, count: 10) }
        failure.withLock { $0 = error }
      } else {
        asks.wait()
        maps.shutdown()
      }
    }
    let errors = [await mapErrorOfTask { try await task.value }, failure.withLock { $0 }]
    for error in errors {
      #expect(error?.code == .shutdown)
    }
    let cause = errors[0]?.underlying.map { String(describing: $0) }
    #expect(
      cause == "the backend \"careless\" has shut down without telling the end of a load")
  }

  @Test func fewerBytesThanTheFileHasAreAnErrorOfTheBackends() throws {
    let maps = SlidingWindowMapManager(backend: Careless(.readsTooLittle), windowSize: 4096)
    var cursor = try maps.cursor(for: .name("file"))
    let error = mapError { try cursor.use(at: 4096, count: 100) }
    #expect(error?.code == .readFailed && error?.source == .name("file"))
    #expect(error?.range == 4096..<4196)
    let cause = error?.underlying.map { String(describing: $0) }
    #expect(cause == "the backend \"careless\" read fewer bytes than the file has")
    #expect(maps.statistics.usage.regions == 0 && maps.statistics.usage.bytes == 0)
  }

  @Test func aHandleThatLeadsElsewhereIsAChangedFile() throws {
    let maps = SlidingWindowMapManager(
      backend: Careless(.opensAgainAsAnother), windowSize: 4096)
    var cursor = try maps.cursor(for: .name("file"))
    #expect(mapError { try cursor.refresh() }?.code == .fileChanged)
  }

  /// A backend that keeps what it promises, by a name of its own.
  @Test func aNameIsASource() throws {
    let maps = SlidingWindowMapManager(backend: Named(), windowSize: 4096)
    var cursor = try maps.cursor(for: .name("seven"))
    try cursor.use(at: 9000, count: 1000)
    #expect(
      cursor.source == .name("seven") && view(cursor).bytes == Array(repeating: 7, count: 1000))
    var again = try maps.cursor(for: .name("seven"))
    try again.use(at: 9000, count: 1)
    #expect(maps.statistics.counts.loads == 1 && maps.statistics.files == 1)
    let error = mapError { _ = try maps.cursor(for: "/seven") }
    #expect(error?.code == .unsupported)
  }

  private final class Named: RegionProvider {
    var name: String { "named" }
    func open(_ source: FileSource) throws(MapError) -> OpenedFile {
      guard case .name = source else { throw MapError(.unsupported, source: source) }
      return OpenedFile(handle: Handle(rawValue: 1), status: status)
    }
    private var status: FileStatus {
      FileStatus(
        identity: FileIdentity(bytes: "seven".utf8), version: FileVersion(bytes: [1, 2]),
        size: 10_000)
    }
    func status(of handle: Handle) throws(MapError) -> FileStatus { status }
    func close(_ handle: Handle) {}
    func read(
      _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(MapError) -> Int {
      let count = max(min(buffer.count, 10_000 - Int(offset)), 0)
      unsafe buffer.prefix(count).initializeMemory(as: UInt8.self, repeating: 7)
      return count
    }
  }
}
