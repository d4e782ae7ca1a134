import Foundation
import MapTestSupport
import MapTesting
import SlidingMap
import SystemPackage
import Testing

/// Pages of maps that can't be had: an error for who reads them, and for nobody else.
struct GuardTests {
  private static let window = 64 << 10
  private static let size = 8 * window
  private let bytes = content(Self.size)
  private let scratch: Scratch
  private let maps: SlidingWindowMapManager

  init() throws {
    scratch = try Scratch()
    try scratch.write("file", bytes)
    maps = SlidingWindowMapManager(backend: .mmap, windowSize: Self.window)
  }

  private var path: FilePath { scratch["file"] }

  /// The first byte that a cursor shows.
  private func first(_ cursor: borrowing WindowCursor) -> UInt8 {
    unsafe cursor.bytes.unsafeLoad(as: UInt8.self)
  }

  // MARK: Who is told

  @Test func `Bytes that a truncated file no longer has are an error`() throws {
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 100_000, count: 100)
    try scratch.resize("file", to: 5_000)
    let byte = first(cursor)
    #expect(byte == 0)
    let error = mapError { try cursor.check() }
    #expect(error?.code == .fileTruncated && error?.source == .path(path))
    #expect(error?.range?.contains(100_000) == true)
    #expect(!cursor.isValid && maps.statistics.counts.faults == 1)
    // Told, it is over; the file does not have the bytes.
    try cursor.check()
    let again = mapError { try cursor.use(at: 100_000, count: 100) }
    #expect(again?.code == .fileTruncated)
    let isRight = try cursor.withBytes(at: 100, count: 4_000) { shows($0, bytes, at: 100) }
    #expect(isRight)
  }

  @Test func `withBytes says so after its body, whatever that throws`() throws {
    struct Broken: Error {}
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 70_000, count: 10)
    try scratch.resize("file", to: 0)
    let error = mapError {
      try cursor.withBytes(at: 70_000, count: 10) { _ = unsafe $0.unsafeLoad(as: UInt8.self) }
    }
    #expect(error?.code == .fileTruncated)
    try scratch.write("file", bytes)
    try cursor.refresh()
    try cursor.use(at: 70_000, count: 10)
    try scratch.resize("file", to: 0)
    let second = mapError {
      try cursor.withBytes(at: 70_000, count: 10) { (bytes: RawSpan) throws -> Void in
        if unsafe bytes.unsafeLoad(as: UInt8.self) == 0 { throw Broken() }
      }
    }
    #expect(second?.code == .fileTruncated)
  }

  @Test(arguments: ["use", "release", "copy", "refresh", "fast"])
  func `The next use tells, whatever comes between`(_ step: String) throws {
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 0, count: Self.window)
    try cursor.use(at: Int64(Self.window), count: Self.window)
    try scratch.resize("file", to: Int64(Self.window))
    #expect(first(cursor) == 0)
    switch step {
    case "release": cursor.release()
    case "refresh": try cursor.refresh()
    case "copy":
      var copy = cursor.copy()
      let error = mapError { try copy.use(at: 0, count: 10) }
      #expect(error?.code == .fileTruncated)
    default: break
    }
    // By the fast path, too, which would go on without a word.
    let count = step == "fast" ? 1 : Self.window
    let error = mapError { try cursor.use(at: 0, count: count) }
    #expect(error?.code == .fileTruncated && !cursor.isValid)
    try cursor.use(at: 0, count: Self.window)
    let isRight = shows(cursor.bytes, bytes, at: 0)
    #expect(isRight)
    try cursor.check()
  }

  @Test func `Others are not told of what they did not see`() throws {
    var reader = try maps.cursor(for: path)
    var other = try maps.cursor(for: path)
    try reader.use(at: 3 * Int64(Self.window), count: 10)
    try other.use(at: 1_000, count: 3_000)
    // In the middle of the window in which the other one is.
    try scratch.resize("file", to: 20_000)
    #expect(first(reader) == 0)
    #expect(mapError { try reader.check() }?.code == .fileTruncated)
    for _ in 0..<3 {
      try other.use(at: 1_000, count: 3_000)
      let isRight = shows(other.bytes, bytes, at: 1_000)
      #expect(isRight)
      try other.check()
      other.release()
    }
    let error = mapError {
      try other.withBytes(at: 30_000, count: 10) { _ = unsafe $0.unsafeLoad(as: UInt8.self) }
    }
    #expect(error?.code == .fileTruncated)
  }

  @Test func `A file that is whole again is read again`() throws {
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 100_000, count: 100)
    try scratch.resize("file", to: 0)
    #expect(first(cursor) == 0)
    let new = content(Self.size, seed: 2)
    try scratch.write("file", new)
    #expect(first(cursor) == 0, "zeros stay where they are")
    #expect(mapError { try cursor.check() }?.code == .fileTruncated)
    // The same cursor, and a new one.
    let isRight = try cursor.withBytes(at: 100_000, count: 100) { shows($0, new, at: 100_000) }
    #expect(isRight)
    var other = try maps.cursor(for: path)
    let isRightThere = try other.withBytes(at: 100_000, count: 100) {
      shows($0, new, at: 100_000)
    }
    #expect(isRightThere)
    #expect(maps.statistics.counts.faults == 1)
  }

  @Test func `A buffer gives 0 and its error, or throws`() throws {
    let buffer = try maps.buffer(for: path, range: 1_000..<Int64(Self.size))
    let (near, far) = (buffer[0], buffer[200_000])
    #expect(near == bytes[1_000] && far == bytes[201_000] && buffer.error == nil)
    try scratch.resize("file", to: 50_000)
    #expect(buffer[0] == bytes[1_000] && buffer.error == nil, "that is still there")
    #expect(buffer[200_000] == 0)
    #expect(buffer.error?.code == .fileTruncated)
    let error = mapError { try buffer.withBytes(in: 100_000..<100_100) { _ in } }
    #expect(error?.code == .fileTruncated)
    #expect(mapError { _ = try buffer.firstRange(of: [0, 0, 0]) }?.code == .fileTruncated)
  }

  @Test(arguments: ["iteration", "early end", "Array", "reduce", "chunks", "contiguous"])
  func `A walk over a buffer tells`(_ walk: String) throws {
    let buffer = try maps.buffer(for: path)
    var last = try maps.cursor(for: path)
    // Loaded, so that it is touching that fails.
    for window in 0..<8 { try last.use(at: Int64(window * Self.window), count: 1) }
    try scratch.resize("file", to: Int64(Self.window + 10_000))
    var error: MapError?
    switch walk {
    case "iteration": for byte in buffer where byte == 1 {}
    case "early end":
      var index = 0
      for _ in buffer {
        index += 1
        if index == Self.window + 30_000 { break }
      }
      #expect(index == Self.window + 30_000)
    case "Array": #expect(Array(buffer).count == Self.size)
    case "reduce": #expect(buffer.reduce(0) { $0 | Int($1) } == 255)
    case "chunks":
      error = mapError {
        try buffer.forEachChunk(in: 0..<Self.size) { bytes, _ in _ = bytes.count(of: 1) }
      }
    default:
      _ = unsafe buffer.withContiguousStorageIfAvailable { bytes in
        unsafe bytes.count { $0 == 1 }
      }
    }
    error = error ?? buffer.error
    #expect(error?.code == .fileTruncated)
  }

  @Test func `A walk over windows tells at its next step`() async throws {
    var windows = maps.windows(of: path, readAhead: 0).makeAsyncIterator()
    do {
      let window = try #require(try await windows.next(isolation: nil))
      try window.check()
      let kept = try #require(try await windows.next(isolation: nil))
      try scratch.resize("file", to: 100)
      let byte = kept.withBytes { unsafe $0.unsafeLoad(as: UInt8.self) }
      #expect(byte == 0)
      #expect(mapError { try kept.check() }?.code == .fileTruncated)
    }
    await #expect(throws: MapError.self) { try await windows.next(isolation: nil) }
  }

  @Test func `A whole file's manager tells who reads what is missing`() throws {
    let maps = StaticWindowMapManager(backend: .mmap)
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 0)
    try scratch.resize("file", to: 9_000)
    let isRight = try cursor.withBytes(at: 0, count: 9_000) { shows($0, bytes, at: 0) }
    #expect(isRight)
    let error = mapError {
      try cursor.withBytes(at: 0, count: Self.size) { _ = $0.count(of: 1) }
    }
    #expect(error?.code == .fileTruncated)
  }

  @Test func `Who wants one version gets it though pages of another were missing`() async throws {
    let maps = StaticWindowMapManager(
      backend: .mmap, budget: .fixed(bytes: 8 << 20, maps: 1), changes: .oneVersion)
    let other = try scratch.write("other", bytes)
    var late = try maps.cursor(for: path)
    try late.use(at: 0)
    var strict = try maps.cursor(for: path)
    let tasks = Held(strict.copy())
    try scratch.resize("file", to: 5_000)
    try strict.refresh()
    try tasks.cursor.refresh()
    let told = mapError { try late.withBytes(at: 9_000, count: 10) { _ = $0.count(of: 1) } }
    #expect(told?.code == .fileTruncated)
    #expect(maps.statistics.counts.faults == 1)
    // Another edition has the file from now on, and the map of the first one goes.
    #expect(mapError { try late.use(at: 9_000, count: 10) }?.code == .fileTruncated)
    var another = try maps.cursor(for: other)
    try another.use(at: 0)
    another.release()
    try await tasks.cursor.lease(at: 0, count: 5_000)
    #expect(view(tasks.cursor) == .of(bytes, 0..<5_000))
    try strict.use(at: 0, count: 5_000)
    #expect(view(strict) == .of(bytes, 0..<5_000))
  }

  @Test func `A disk that fails is another error`() throws {
    let disk = FaultProvider(.mmap) { call in
      call.operation == .touch && call.range?.contains(200_000) == true
        ? MapError(.readFailed, errno: .ioError) : nil
    }
    let maps = SlidingWindowMapManager(backend: disk, windowSize: Self.window)
    var cursor = try maps.cursor(for: path)
    let error = mapError { try cursor.withBytes(at: 199_990, count: 100) { _ in } }
    #expect(error?.code == .readFailed && error?.errno == .ioError)
    let isRight = try cursor.withBytes(at: 0, count: 1_000) { shows($0, bytes, at: 0) }
    #expect(isRight)
  }

  @Test(arguments: [FileChanges.followed, .oneVersion])
  func `A disk that failed for a moment is read again, by tasks as well`(
    _ changes: FileChanges
  ) async throws {
    let isBroken = Locked(true)
    let disk = FaultProvider(.mmap) { call in
      let isHit = call.operation == .touch && call.range?.contains(200_000) == true
      return isHit && isBroken.withLock { $0 } ? MapError(.readFailed, errno: .ioError) : nil
    }
    let maps = SlidingWindowMapManager(backend: disk, windowSize: Self.window, changes: changes)
    var cursor = try maps.cursor(for: path)
    let tasks = Held(cursor.copy())
    let error = mapError { try cursor.withBytes(at: 199_990, count: 100) { _ in } }
    #expect(error?.code == .readFailed)
    isBroken.withLock { $0 = false }
    try await tasks.cursor.lease(at: 199_990, count: 100)
    #expect(view(tasks.cursor) == .of(bytes, 199_990..<200_090))
    try cursor.use(at: 199_990, count: 100)
    #expect(view(cursor) == .of(bytes, 199_990..<200_090))
  }

  /// More stretches than are told apart.
  @Test func `Many places at which a file ended`() throws {
    let maps = SlidingWindowMapManager(backend: .mmap, windowSize: 4096)
    let count = 48
    var cursors: [Held] = []
    for index in 0..<count {
      let held = Held(try maps.cursor(for: path))
      try held.cursor.use(at: Int64(index * 8192), count: 4096)
      cursors.append(held)
    }
    try scratch.resize("file", to: 0)
    for held in cursors { #expect(first(held.cursor) == 0) }
    for held in cursors { #expect(mapError { try held.cursor.check() }?.code == .fileTruncated) }
    #expect(maps.statistics.counts.faults == count)
    #expect(scratch.maps <= 2 * count)
  }

  // MARK: Threads

  @Test func `Eight threads beside truncations get the right bytes or an error`() throws {
    let (path, scratch, bytes) = (self.path, self.scratch, self.bytes)
    let maps = SlidingWindowMapManager(
      backend: .mmap, budget: .fixed(bytes: 4 * Self.window), windowSize: 16 << 10)
    let isOver = Locked(false)
    let tally = Locked((right: 0, errors: 0))
    try onThreads(9) { thread in
      if thread == 8 {
        var dice = Dice(seed: 3)
        for _ in 0..<200 {
          try scratch.resize("file", to: Int64(dice.draw(Self.size)))
          usleep(200)
          let file = try FileDescriptor.open(path, .writeOnly)
          try file.closeAfter {
            _ = try unsafe bytes.withUnsafeBytes {
              try unsafe file.writeAll(toAbsoluteOffset: 0, $0)
            }
          }
        }
        isOver.withLock { $0 = true }
        return
      }
      var dice = Dice(seed: UInt64(thread))
      var cursor = try maps.cursor(for: path)
      while !isOver.withLock({ $0 }) {
        let offset = dice.draw(Self.size - 5_000)
        let count = 1 + dice.draw(5_000)
        do throws(MapError) {
          let isWrong = try cursor.withBytes(at: Int64(offset), count: count) { span in
            // A hole shows while the file is being written again: zeros of its own.
            !shows(span, bytes, at: offset) && !isPatched(span, bytes, at: offset)
          }
          if isWrong { Issue.record("wrong bytes at \(offset), \(count)") }
          tally.withLock { $0.right += 1 }
        } catch {
          tally.withLock { $0.errors += 1 }
          let expected: [MapError.Code] = [.fileTruncated, .fileChanged]
          if !expected.contains(error.code) { Issue.record("\(error)") }
          if dice.draw(2) == 0 { try? cursor.refresh() }
        }
      }
    }
    #expect(tally.withLock { $0.right } > 0)
    maps.shutdown()
    #expect(maps.statistics.usage.maps == 0 && scratch.maps == 0)
  }

  @Test func `A hundred threads at one page`() throws {
    let maps = self.maps
    let (path, gate) = (self.path, Gate(101))
    let cut = Gate(101)
    let told = Locked(0)
    let scratch = self.scratch
    try onThreads(101) { thread in
      if thread == 100 {
        gate.pass()
        try scratch.resize("file", to: 0)
        cut.pass()
        return
      }
      var cursor = try maps.cursor(for: path)
      try cursor.use(at: 80_000, count: 10)
      gate.pass()
      cut.pass()
      let byte = unsafe cursor.bytes.unsafeLoad(as: UInt8.self)
      if byte == 0, mapError({ try cursor.check() })?.code == .fileTruncated {
        told.withLock { $0 += 1 }
      }
    }
    #expect(told.withLock { $0 } == 100)
  }

  // MARK: The process around

  @Test(.disabled(if: ProcessResources.isSanitized, "a sanitizer takes maps of its own"))
  func `At the limit of kernel maps`() async {
    await #expect(processExitsWith: .success) {
      let scratch = try Scratch()
      try scratch.write("file", content(64 << 12))
      let maps = SlidingWindowMapManager(backend: .mmap, windowSize: 4096)
      var cursors: [Held] = []
      for index in 0..<32 {
        let held = Held(try maps.cursor(for: scratch["file"]))
        try held.cursor.use(at: Int64(index * 8192), count: 1)
        cursors.append(held)
      }
      let host = try HostMaps(leaving: 0)
      try scratch.resize("file", to: 0)
      var codes: [MapError.Code?] = []
      codes.reserveCapacity(32)
      for held in cursors { _ = unsafe held.cursor.bytes.unsafeLoad(as: UInt8.self) }
      host.giveBack()
      for held in cursors { codes.append(mapError { try held.cursor.check() }?.code) }
      #expect(codes.allSatisfy { $0 == .fileTruncated })
    }
  }

  /// The limit was lowered, so that no map may be made, be it in the place of another.
  @Test(.disabled(if: ProcessResources.isSanitized, "a sanitizer takes addresses of its own"))
  func `With more addresses than there may be`() async {
    await #expect(processExitsWith: .success) {
      let scratch = try Scratch()
      try scratch.write("file", content(1 << 20))
      let maps = SlidingWindowMapManager(backend: .mmap, windowSize: 64 << 10)
      var cursors: [Held] = []
      for index in 0..<8 {
        let held = Held(try maps.cursor(for: scratch["file"]))
        try held.cursor.use(at: Int64(index * 128 << 10), count: 1)
        cursors.append(held)
      }
      try scratch.resize("file", to: 0)
      try setLimit(RLIMIT_AS, to: 1 << 20)
      for held in cursors { _ = unsafe held.cursor.bytes.unsafeLoad(as: UInt8.self) }
      try setLimit(RLIMIT_AS, to: .max)
      for held in cursors {
        #expect(mapError { try held.cursor.check() }?.code == .fileTruncated)
      }
    }
  }

  @Test func `A child of fork is guarded, too`() async {
    await #expect(processExitsWith: .success) {
      let scratch = try Scratch()
      let maps = SlidingWindowMapManager(backend: .mmap)
      var cursor = try maps.cursor(for: try scratch.write("file", content(10_000)))
      try cursor.use(at: 0, count: 10)
      try scratch.resize("file", to: 0)
      let child = forkProcess()
      if child == 0 {
        let byte = unsafe cursor.bytes.unsafeLoad(as: UInt8.self)
        _exit(byte == 0 && mapError { try cursor.check() }?.code == .fileTruncated ? 0 : 1)
      }
      guard endsWell(child) else { exit(EXIT_FAILURE) }
      // The parent has not touched it.
      #expect(maps.statistics.counts.faults == 0)
      try cursor.check()
      let byte = unsafe cursor.bytes.unsafeLoad(as: UInt8.self)
      #expect(byte == 0 && maps.statistics.counts.faults == 1)
    }
  }
}

/// Whether a span shows a model's bytes, or zeros in the place of whole pages' rests.
private func isPatched(_ span: RawSpan, _ model: [UInt8], at offset: Int) -> Bool {
  unsafe span.withUnsafeBytes { bytes in
    bytes.indices.allSatisfy { index in
      // Once: it may change.
      let byte = unsafe bytes[index]
      return byte == model[offset + index] || byte == 0
    }
  }
}
