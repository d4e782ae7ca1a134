import Foundation
import MapTestSupport
import MapTesting
import SlidingMap
import SystemPackage
import Testing

/// What is recorded is what was accessed.
struct TraceTests {
  static let capacity = 100

  @Test(arguments: everyPolicy.indices)
  func aReplayMissesWhatTheManagerMissed(_ policy: Int) throws {
    let policy = everyPolicy[policy]
    let requests = RequestTrace.phases.requests(3000)
    let bench = try Bench(policy, requests)
    let recording = try bench.maps.recordTrace(to: bench.trace)
    try bench.play(requests)
    let summary = try recording.finish()

    let accesses = try bench.accesses()
    #expect(accesses.map(\.window) == requests)
    #expect(accesses.allSatisfy { $0.byteCount == 4096 && $0.file == accesses[0].file })
    #expect(summary.accesses == requests.count && summary.dropped == 0)
    #expect(summary.regions == Set(requests).count)
    #expect(summary.byteCount == (try FileManager.default.size(of: bench.trace)))

    var host = PolicyHost(policy, capacity: Self.capacity, file: accesses[0].file)
    for access in accesses { host.request(access.window) }
    #expect(bench.maps.statistics.counts.misses == host.misses)
    #expect(bench.maps.statistics.counts.hits == requests.count - host.misses)
  }

  /// Also the marks of policies that count hits, which come from the logs meanwhile.
  @Test(arguments: everyPolicy.indices)
  func recordingChangesNoVictim(_ policy: Int) throws {
    let requests = RequestTrace.scanmix.requests(3000)
    let bench = try Bench(everyPolicy[policy], requests)
    let alone = try Bench(everyPolicy[policy], requests, like: bench)
    try alone.play(requests)
    try bench.play(requests.prefix(1000))
    let recording = try bench.maps.recordTrace(to: bench.trace)
    try bench.play(requests.dropFirst(1000).prefix(1000))
    try recording.finish()
    try bench.play(requests.dropFirst(2000))
    #expect(bench.maps.statistics.counts.misses == alone.maps.statistics.counts.misses)
    #expect(try bench.accesses().map(\.window) == Array(requests[1000..<2000]))
  }

  @Test func oracleGeneralTellsTheFuture() throws {
    let requests = RequestTrace.skewed.requests(3000)
    let bench = try Bench(.clock, requests)
    let recording = try bench.maps.recordTrace(to: bench.trace, format: .oracleGeneral)
    try bench.play(requests)
    #expect(try recording.finish().byteCount == 3000 * 24)

    let bytes = try [UInt8](Data(contentsOf: URL(filePath: bench.trace.string)))
    func field(_ access: Int, _ range: Range<Int>) -> UInt64 {
      bytes[access * 24 + range.lowerBound..<access * 24 + range.upperBound]
        .reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    var numbers: [Int: UInt64] = [:]
    for (index, window) in requests.enumerated() {
      let number = numbers[window] ?? UInt64(numbers.count + 1)
      numbers[window] = number
      #expect(field(index, 0..<4) < 600)
      #expect(field(index, 4..<12) == number)
      #expect(field(index, 12..<16) == 4096)
      let next = requests[(index + 1)...].firstIndex(of: window).map { $0 + 1 } ?? -1
      #expect(Int64(bitPattern: field(index, 16..<24)) == Int64(next))
    }
  }

  @Test func severalFilesSizesAndThreads() throws {
    let scratch = try Scratch()
    let paths = try (0..<3).map { try scratch.write("\($0)", content(40_000 + $0, seed: 1)) }
    let maps = SlidingWindowMapManager(budget: .fixed(regions: 8), windowSize: 4096)
    let recording = try maps.recordTrace(to: scratch["trace"])
    try onThreads(4) { thread in
      var dice = Dice(seed: UInt64(thread))
      var cursor = try maps.cursor(for: paths[thread % 3])
      for _ in 0..<5000 {
        try cursor.use(at: Int64(dice.draw(10) * 4096), count: 1)
        cursor.release()
      }
    }
    let summary = try recording.finish()
    let statistics = maps.statistics
    #expect(statistics.counts.hits + statistics.counts.misses == 20_000)
    // Of threads that share a log a hit may go unnoticed.
    #expect((19_000...20_000 - statistics.counts.droppedHits).contains(summary.accesses))
    #expect(summary.regions == 30)
    var counts: [Int: Int] = [:]
    try TraceDecoder.read(scratch["trace"]) { access in
      counts[access.region, default: 0] += 1
      #expect(access.byteCount == 4096 && (0..<10).contains(access.window))
    }
    #expect(counts.values.reduce(0, +) == summary.accesses && counts.count == 30)
  }

  /// Windows for which room is being made when a recording begins are known to it by their slots.
  @Test func recordingsBeginAtAnyTime() throws {
    let scratch = try Scratch()
    let path = try scratch.resize("sparse", to: 64 * 4096)
    let maps = SlidingWindowMapManager(budget: .fixed(regions: 1), windowSize: 4096)
    let isOver = Locked(false)
    try onThreads(3) { thread in
      if thread == 0 {
        for _ in 0..<200 {
          let recording = try maps.recordTrace(to: scratch["trace"])
          let observation = try maps.observe(policies: .lru, sampling: 1)
          while observation.report.accesses == 0 { sched_yield() }
          observation.stop()
          let seen = observation.report.accesses
          #expect(try recording.finish().accesses >= seen)
        }
        isOver.withLock { $0 = true }
        return
      }
      // Each has its own windows, and uses them in order.
      var cursor = try maps.cursor(for: path)
      var window = Int64(thread)
      while !isOver.withLock({ $0 }) {
        for _ in 0..<3 {
          try cursor.use(at: window * 4096, count: 1)
          cursor.release()
        }
        window = (window + 2) % 64
      }
    }
  }

  /// Another recording to the same path, say.
  @Test func whatOthersWroteOverIsTold() throws {
    let requests = RequestTrace.skewed.requests(20_000)
    let bench = try Bench(.lru, requests)
    let recording = try bench.maps.recordTrace(to: bench.trace, format: .oracleGeneral)
    try bench.play(requests)
    while try FileManager.default.size(of: bench.trace) < 100_000 { sched_yield() }
    let file = try FileDescriptor.open(bench.trace, .readWrite)
    _ = try file.closeAfter { try file.writeAll(Array(repeating: 0xFF, count: 2400)) }
    let error = mapError { try recording.finish() }
    #expect(error?.code == .invalidTrace && error?.source == .path(bench.trace))
  }

  @Test func shutdownEndsARecordingAndNothingIsLeft() throws {
    let requests = RequestTrace.loop.requests(500)
    let bench = try Bench(.lru, requests)
    let recording = try bench.maps.recordTrace(to: bench.trace)
    try bench.play(requests)
    bench.maps.shutdown()
    #expect(bench.scratch.descriptors == 0)
    #expect(try bench.accesses().map(\.window) == requests)
    #expect(try recording.finish() == recording.finish())
    #expect(mapError { _ = try bench.maps.recordTrace(to: bench.trace) }?.code == .shutdown)
    #expect(try bench.accesses().count == 500, "a refused recording empties no file")
  }

  /// Whether another thread shuts down as well, or finishes the recording.
  @Test(arguments: [false, true])
  func shutdownReturnsToNobodyBeforeTheRecordingIsClosed(_ isFinished: Bool) throws {
    let requests = RequestTrace.loop.requests(3000)
    for _ in 0..<5 {
      let bench = try Bench(.fifo, requests)
      let recording = try bench.maps.recordTrace(to: bench.trace, format: .oracleGeneral)
      try bench.play(requests)
      let gate = Gate(2)
      try onThreads(2) { thread in
        gate.pass()
        if isFinished, thread == 0 {
          try recording.finish()
        } else {
          bench.maps.shutdown()
          #expect(bench.scratch.descriptors == 0)
        }
      }
    }
  }

  @Test func aRecordingTakesNobodysFile() throws {
    let requests = RequestTrace.loop.requests(300)
    let bench = try Bench(.lru, requests)
    let recording = try bench.maps.recordTrace(to: bench.trace)
    try bench.play(requests)
    let second = mapError { _ = try bench.maps.recordTrace(to: bench.trace) }
    #expect(second?.code == .openFailed && second?.errno == .wouldBlock)
    let read = mapError { _ = try bench.maps.recordTrace(to: bench.data) }
    #expect(read?.code == .openFailed && read?.errno == .resourceBusy)
    #expect(try FileManager.default.size(of: bench.data) > 0)
    try recording.finish()
    #expect(try bench.accesses().map(\.window) == requests)
    // Free again, and emptied.
    try bench.maps.recordTrace(to: bench.trace).finish()
    #expect(try bench.accesses().isEmpty)
  }

  @Test func aRecordingEndsWithItsLastReference() throws {
    let requests = RequestTrace.loop.requests(300)
    let bench = try Bench(.lru, requests)
    do {
      let recording = try bench.maps.recordTrace(to: bench.trace)
      try bench.play(requests)
      withExtendedLifetime(recording) {}
    }
    try bench.play(requests)
    #expect(try bench.accesses().map(\.window) == requests)
  }

  @Test func whatCanNotBeWrittenToIsToldAtOnce() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager()
    unsafe #expect(mkfifo(scratch["pipe"].string, 0o600) == 0)
    let code = { (path: FilePath) in mapError { _ = try maps.recordTrace(to: path) }?.code }
    #expect(code(scratch["missing"].appending("trace")) == .openFailed)
    #expect(code(scratch.path) == .openFailed)
    #expect(code(scratch["pipe"]) == .notRegularFile)
    #expect(code("/dev/null") == .notRegularFile)
    #expect(scratch.descriptors == 0)
  }

  /// In a process of its own, whose files may not grow past a limit.
  @Test func aFullDiskLeavesWholeAccesses() async throws {
    await #expect(processExitsWith: .success) {
      signal(SIGXFSZ, SIG_IGN)
      let requests = RequestTrace.uniform.requests(60_000)
      let bench = try Bench(.lru, requests)
      try setLimit(RLIMIT_FSIZE, to: 80_000)
      let recording = try bench.maps.recordTrace(to: bench.trace)
      try bench.play(requests)
      let error = mapError { try recording.finish() }
      try #require(error?.code == .writeFailed && error?.errno == .fileTooLarge)
      try #require(error?.source == .path(bench.trace))
      let windows = try bench.accesses().map(\.window)
      try #require(windows.count > 10_000 && windows == Array(requests.prefix(windows.count)))
    }
  }

  @Test(arguments: [TraceFormat.compact, .oracleGeneral])
  func whatThereAreNoNumbersForEndsTheRecording(_ format: TraceFormat) throws {
    let bench = try Bench(.lru, [99])
    let recording = try bench.maps.recordTrace(
      to: bench.trace, format: format, mostRegions: 10)
    try bench.play(0..<10)
    try bench.play(0..<20)
    let error = mapError { try recording.finish() }
    #expect(error?.code == .writeFailed && error?.errno == .overflow)
    #expect(error?.source == .path(bench.trace))
    if format == .compact {
      #expect(try bench.accesses().map(\.window) == Array(0..<10) + Array(0..<10))
    } else {
      #expect(try FileManager.default.size(of: bench.trace) == 20 * 24)
    }
  }
}

/// A manager for windows of 4 KiB over a file of holes, and a place for its trace.
private struct Bench {
  let scratch: Scratch
  let maps: MapManager
  let data: FilePath
  var trace: FilePath { scratch["trace"] }

  /// - Parameter other: whose file to read; one of its own without.
  init(_ policy: any EvictionPolicy, _ requests: [Int], like other: Bench? = nil) throws {
    scratch = try other?.scratch ?? Scratch()
    maps = SlidingWindowMapManager(
      policy: policy, budget: .fixed(regions: TraceTests.capacity), windowSize: 4096)
    data = try scratch.resize("sparse", to: Int64(requests.max()! + 1) * 4096)
  }

  func play(_ requests: some Sequence<Int>) throws {
    var cursor = try maps.cursor(for: data)
    for window in requests {
      try cursor.use(at: Int64(window) * 4096, count: 1)
      cursor.release()
    }
  }

  func accesses() throws -> [TraceAccess] {
    var accesses: [TraceAccess] = []
    try TraceDecoder.read(trace) { accesses.append($0) }
    return accesses
  }
}

extension FileManager {
  fileprivate func size(of path: FilePath) throws -> Int {
    try #require(attributesOfItem(atPath: path.string)[.size] as? Int)
  }
}
