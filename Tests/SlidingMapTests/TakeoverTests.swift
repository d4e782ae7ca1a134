import Foundation
import MapTesting
import SlidingMap
import SystemPackage
import Testing

/// Another backend behind mmap, where mmap is made to fail.
struct TakeoverTests {
  static let size = 40 * 4096 + 77
  private let scratch: Scratch
  private let model = content(TakeoverTests.size)
  private let path: FilePath
  private let fault = Shortage()

  init() throws {
    scratch = try Scratch()
    path = try scratch.write("file", model)
  }

  private func maps(
    _ budget: some Budget = .fixed(bytes: 1 << 20), windowSize: Int = 4096
  ) -> SlidingWindowMapManager {
    SlidingWindowMapManager(
      backend: fault.provider(), budget: budget, windowSize: windowSize)
  }

  @Test func `A file without a descriptor is read, and mapped when there is one`() throws {
    let maps = maps()
    fault.descriptors = true
    var cursor = try maps.cursor(for: path)
    // Back to front, so that none is served by what was read ahead for the one before.
    for index in (0..<8).reversed() {
      try cursor.use(at: Int64(index * 5000), count: 3000)
      #expect(view(cursor) == .of(model, index * 5000..<index * 5000 + 3000))
    }
    #expect(maps.statistics.counts.copies == 8 && maps.statistics.counts.loads == 0)
    #expect(maps.statistics.usage.bytes == 4096)
    // It has proved itself: windows from now on.
    try cursor.use(at: 0, count: 5000)
    #expect(view(cursor) == .of(model, 0..<5000))
    var statistics = maps.statistics
    #expect(
      statistics.counts.loads == 2 && statistics.counts.takeovers == 10
        && statistics.takeoverFiles == 1)
    #expect(statistics.usage.bytes == 8192 && statistics.pinned == 2 && scratch.maps == 0)

    fault.descriptors = false
    var other = try maps.cursor(for: path)
    try untilReturned(maps) {
      try other.use(at: 20_000, count: 10_000)
      other.release()
      maps.collect()
    }
    // The lease in force goes on, and its bytes are the file's own now.
    #expect(view(cursor) == .of(model, 0..<5000))
    #expect(scratch.maps == 1)
    statistics = maps.statistics
    #expect(
      statistics.takeoverFiles == 0 && statistics.usage.maps == 1 && statistics.usage.handles == 1)
    try write(1, at: 17)
    #expect(array(cursor.bytes)[17] == 1)
  }

  @Test(arguments: [true, false])
  func `A file that can't be mapped is read, for good`(_ isByPath: Bool) throws {
    let disk = FaultProvider(MMapProvider(takeover: Takeover(provider: .pread))) { call in
      call.backend == "mmap" && call.operation == .makeExtent
        ? MapError(.notMappable, errno: .operationNotSupportedByDevice) : nil
    }
    let maps = SlidingWindowMapManager(
      backend: disk, budget: .fixed(bytes: 40_960), windowSize: 4096)
    let descriptor = try FileDescriptor.open(path, .readOnly)
    var cursor = isByPath ? try maps.cursor(for: path) : try maps.cursor(for: descriptor)
    try descriptor.close()
    for index in 0..<30 {
      let start = index * 5_000
      try cursor.use(at: Int64(start), count: 3_000)
      #expect(view(cursor) == .of(model, start..<start + 3_000))
    }
    var statistics = maps.statistics
    #expect(statistics.counts.loads > 0 && statistics.takeoverFiles == 1)
    #expect(statistics.usage.handles == 1 && statistics.counts.returnsToPrimary == 0)
    // Whoever comes later shares it; and it is opened again by the same backend.
    var other = try maps.cursor(for: path)
    try other.use(at: 100, count: 10)
    cursor.release()
    other.release()
    maps.collect()
    #expect(maps.statistics.files == 1)
    try other.use(at: 200, count: 10)
    #expect(view(other) == .of(model, 200..<210))
    statistics = maps.statistics
    #expect(statistics.usage.handles == 1)
    maps.shutdown()
  }

  @Test func `Without a takeover that is an error`() throws {
    let disk = FaultProvider(.mmap) { call in
      call.operation == .makeExtent
        ? MapError(.notMappable, errno: .operationNotSupportedByDevice) : nil
    }
    let maps = SlidingWindowMapManager(backend: disk)
    let error = mapError { _ = try maps.cursor(for: path) }
    #expect(error?.code == .notMappable && error?.errno == .operationNotSupportedByDevice)
    #expect(maps.statistics.usage.handles == 0)
  }

  @Test func `Without addresses requests are read into the reserve`() throws {
    fault.addresses = true
    let maps = maps()
    var cursor = try maps.cursor(for: path)
    for range in [0..<16_384, 5..<6, 150_000..<163_000, 163_900..<163_917] {
      try cursor.use(at: Int64(range.lowerBound), count: range.count)
      #expect(view(cursor) == .of(model, range))
    }
    let past = try cursor.use(at: 163_917, count: 1)
    #expect(!past && maps.statistics.usage.bytes == 0)
    // Four windows are the reserve; a fifth finds no room.
    var held: [Held] = []
    for index in 0..<4 {
      var next = try maps.cursor(for: path)
      try next.use(at: Int64(index * 8192), count: 4096)
      held.append(Held(next))
    }
    #expect(mapError { try cursor.use(at: 0, count: 1) }?.code == .budgetExhausted)
    let isValid = cursor.isValid
    #expect(!isValid)
    // But for what lies in several windows there is memory of its own.
    try cursor.use(at: 0, count: 16_385)
    #expect(view(cursor) == .of(model, 0..<16_385))
    cursor.release()
    let copy = Held(held[0].cursor.copy())
    held[0].cursor.release()
    // The copy holds on.
    #expect(mapError { try cursor.use(at: 0, count: 1) }?.code == .budgetExhausted)
    let kept = try copy.cursor.withBytes(at: 0, count: 4096) { array($0) }
    #expect(kept == Array(model[..<4096]))
    copy.cursor.release()
    try cursor.use(at: 0, count: 1)
    #expect(maps.statistics.usage.bytes == 4 * 4096 && maps.statistics.usage.maps == 0)

    fault.addresses = false
    held = []
    while maps.statistics.counts.loads == 0 {
      cursor.release()
      try cursor.use(at: 8192, count: 1)
    }
    #expect(view(cursor) == .of(model, 8192..<8193))
    #expect(maps.statistics.usage.maps == 1 && maps.statistics.usage.bytes == 4096)
  }

  @Test func `A reader who goes on gets more each time`() throws {
    fault.addresses = true
    let maps = maps(windowSize: 1 << 16)
    var cursor = try maps.cursor(for: path)
    for offset in stride(from: 0, to: Self.size, by: 1000) {
      try cursor.use(at: Int64(offset), count: 1000)
      let isRight = shows(cursor.bytes, model, at: offset)
      #expect(isRight)
    }
    #expect(maps.statistics.counts.copies < 12)
  }

  @Test func `Buffers notice nothing`() throws {
    (fault.addresses, fault.descriptors) = (true, true)
    for maps in [
      maps() as MapManager,
      StaticWindowMapManager(backend: fault.provider(), budget: .fixed(bytes: 1 << 20)),
    ] {
      let buffer = try maps.buffer(for: path, range: 10..<160_000)
      #expect(Array(buffer) == Array(model[10..<160_000]))
      #expect(buffer[100_000] == model[100_010])
      #expect(buffer.reversed().first == model[159_999])
      let sum = try buffer.withBytes(in: 5000..<9000) { array($0) }
      #expect(sum == Array(model[5010..<9010]))
      #expect(buffer.error == nil)
    }
  }

  @Test func `What replaces a path is not read for it`() throws {
    fault.descriptors = true
    let maps = maps()
    var cursor = try maps.cursor(for: path)
    try prove(&cursor)
    try scratch.replace("file", by: [1, 2, 3])
    fault.descriptors = false
    for index in 0..<39 {
      try cursor.use(at: Int64(index * 4096), count: 4096)
      #expect(view(cursor) == .of(model, index * 4096..<(index + 1) * 4096))
    }
    // The old file has no path to be mapped by.
    #expect(maps.statistics.takeoverFiles == 1 && maps.statistics.counts.returnsToPrimary == 0)
    var new = try maps.cursor(for: path)
    try new.use(at: 0)
    #expect(array(new.bytes) == [1, 2, 3])
  }

  @Test func `A file is mapped by any path that leads there`() throws {
    try scratch.hardLink("file", as: "first")
    fault.descriptors = true
    let maps = maps()
    let first = Held(try maps.cursor(for: scratch["first"]))
    let second = Held(try maps.cursor(for: path))
    try prove(&second.cursor)
    try scratch.replace("first", by: [1, 2, 3])
    fault.descriptors = false
    try untilReturned(maps) {
      try second.cursor.use(at: 20_000, count: 10_000)
      second.cursor.release()
      maps.collect()
    }
    try first.cursor.use(at: 5000, count: 100)
    #expect(view(first.cursor) == .of(model, 5000..<5100) && scratch.maps == 1)
  }

  @Test func `Copies of different generations are never joined`() throws {
    fault.descriptors = true
    let maps = maps()
    var cursor = try maps.cursor(for: path)
    try prove(&cursor)
    var written = model
    written[100] = 8
    written[5000] = 9
    try write(8, at: 100)
    try write(9, at: 5000)
    // The first window was loaded before, and nobody uses it: it is loaded anew with the second.
    try cursor.use(at: 0, count: 6000)
    #expect(view(cursor) == .of(written, 0..<6000))
    // One that is used stays as it was, and what would join it is read anew at one go.
    try cursor.use(at: 0, count: 10)
    var second = cursor.copy()
    try write(7, at: 9000)
    try write(6, at: 5)
    try second.use(at: 0, count: 10_000)
    #expect(view(cursor) == .of(written, 0..<10))
    written[9000] = 7
    written[5] = 6
    #expect(view(second) == .of(written, 0..<10_000))
    // New cursors read the new generation.
    var new = try maps.cursor(for: path)
    let bytes = try new.withBytes(at: 9000, count: 1) { array($0) }
    #expect(bytes == [7])
  }

  @Test func `Where both fail the error comes through, and nothing is left`() throws {
    fault.descriptors = true
    let maps = maps()
    do {
      fault.everything = MapError(.handlesExhausted, errno: .tooManyOpenFilesInSystem)
      let error = mapError { _ = try maps.cursor(for: path) }
      #expect(error?.code == .handlesExhausted && error?.errno == .tooManyOpenFilesInSystem)
      fault.everything = nil
      var cursor = try maps.cursor(for: path)
      fault.everything = MapError(.readFailed, errno: .ioError)
      let failure = mapError { try cursor.use(at: 4096, count: 9) }
      #expect(failure?.errno == .ioError && failure?.range?.lowerBound == 4096)
      let isValid = cursor.isValid
      #expect(!isValid)
      fault.everything = nil
      try prove(&cursor)
      fault.everything = MapError(.readFailed, errno: .ioError)
      #expect(mapError { try cursor.use(at: 4096, count: 9) }?.errno == .ioError)
      #expect(maps.statistics.usage.bytes == 4096 && maps.statistics.usage.regions == 1)
    }
    fault.everything = nil
    maps.collect()
    #expect(maps.statistics.files == 0 && scratch.descriptors == 0)
  }

  @Test func `A copy outlives shutdown, and goes with its cursor`() throws {
    fault.addresses = true
    let maps = maps()
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 100, count: 50)
    maps.shutdown()
    #expect(view(cursor) == .of(model, 100..<150))
    #expect(mapError { try cursor.use(at: 9000, count: 1) }?.code == .shutdown)
    #expect(maps.statistics.usage.bytes == 0 && scratch.descriptors == 0)
  }

  /// Threads read while descriptors and addresses come and go.
  @Test func `Every byte is right whatever comes and goes`() throws {
    let models = (0..<24).map { content(30_000 + 2000 * $0, seed: UInt64($0)) }
    for (index, model) in models.enumerated() { try scratch.write("f\(index)", model) }
    let scratch = scratch
    let maps = maps(.fixed(bytes: 60 * 4096, handles: 5))
    let shortage = fault
    // Long enough for the first files to get windows.
    shortage.descriptors = true
    try onThreads(4) { thread in
      var dice = Dice(seed: UInt64(thread))
      var cursors: [Int: Held] = [:]
      for round in 0..<4000 {
        if thread == 0 && round % 300 == 299 {
          shortage.descriptors = dice.draw(2) == 0
          shortage.addresses = dice.draw(6) == 0
        }
        // A few files at a time, so that some are used often enough to get windows.
        let index = (round / 200 * 7 + dice.draw(3)) % models.count
        if cursors.count > 3 { cursors = [:] }
        if round % 20 == 0 { maps.collect() }
        let held: Held
        if let cursor = cursors[index] {
          held = cursor
        } else {
          held = Held(try maps.cursor(for: scratch["f\(index)"]))
          cursors[index] = held
        }
        let offset = dice.draw(models[index].count)
        do {
          let isRight = try held.cursor.withBytes(at: Int64(offset), count: dice.draw(3000)) {
            shows($0, models[index], at: offset)
          }
          #expect(isRight)
        } catch {
          // Four cursors of one thread may hold the whole reserve.
          #expect((error as? MapError)?.code == .budgetExhausted)
        }
        if dice.draw(3) > 0 { held.cursor.release() }
      }
    }
    let statistics = maps.statistics
    #expect(statistics.pinned == 0 && statistics.cursors == 0 && statistics.inFlight == 0)
    #expect(statistics.counts.copies > 0 && statistics.counts.takeovers > statistics.counts.copies)
    #expect(statistics.peak.handles <= 5)
    maps.collect()
    #expect(maps.statistics.usage.bytes == 0 && maps.statistics.files == 0)
    maps.shutdown()
    #expect(scratch.descriptors == 0 && scratch.maps == 0)
  }

  /// Uses a file that was taken over until it has a window there, the first one.
  private func prove(_ cursor: inout WindowCursor) throws {
    for _ in 0..<9 {
      cursor.release()
      try cursor.use(at: 0, count: 1)
    }
  }

  private func untilReturned(_ maps: MapManager, _ body: () throws -> Void) throws {
    while maps.statistics.counts.returnsToPrimary == 0 { try body() }
    #expect(maps.statistics.counts.returnsToPrimary == 1)
  }

  private func write(_ byte: UInt8, at offset: Int64) throws {
    let file = try FileDescriptor.open(path, .writeOnly)
    try file.closeAfter { _ = try file.writeAll(toAbsoluteOffset: offset, [byte]) }
  }
}
