import MapTesting
import SlidingMap
import SystemPackage

/// What a program does with a manager, step by step; each may fail once for each reader, and then succeeds when it is done again.
struct FaultSession: ~Copyable {
  /// A step that did other than it promises.
  struct Mistake: Error, CustomStringConvertible {
    let step: String
    let problem: String
    var description: String { "\(step): \(problem)" }
  }

  private static let windowSize = 4096

  private let scratch: Scratch
  private let maps: SlidingWindowMapManager
  private let hasFailed: () -> Bool
  private var dice: Dice
  private var models: [String: [UInt8]] = [:]
  /// Errors that were told.
  private(set) var errors = 0

  /// Writes the files.
  ///
  /// - Parameter hasFailed: whether the fault has happened; before that no step may fail.
  init(
    _ backend: some RegionProvider, in scratch: Scratch, seed: UInt64,
    hasFailed: @escaping () -> Bool
  ) throws {
    self.scratch = scratch
    self.hasFailed = hasFailed
    dice = Dice(seed: seed)
    maps = SlidingWindowMapManager(
      backend: backend, budget: .fixed(bytes: 24 * Self.windowSize, handles: 3),
      windowSize: Self.windowSize)
    for (name, size) in [
      ("long", 60_000), ("short", 9_000), ("tiny", 1), ("empty", 0), ("log", 5_000),
    ] {
      try write(name, content(size, seed: dice.next()))
    }
  }

  private mutating func write(_ name: String, _ model: [UInt8]) throws {
    models[name] = model
    try scratch.write(name, model)
  }

  private func fail(_ step: String, _ problem: String) -> Mistake {
    Mistake(step: step, problem: problem)
  }

  /// Does a step, and again if it failed by the fault.
  private mutating func step<Result: ~Copyable>(
    _ name: String, _ body: () throws -> Result
  ) throws -> Result {
    do {
      return try body()
    } catch let error as MapError {
      try note(error, name)
    }
    do {
      return try body()
    } catch let error as MapError {
      throw fail(name, "once more \(error)")
    }
  }

  private mutating func step(_ name: String, _ body: () async throws -> Void) async throws {
    do {
      return try await body()
    } catch let error as MapError {
      try note(error, name)
    }
    do {
      return try await body()
    } catch let error as MapError {
      throw fail(name, "once more \(error)")
    }
  }

  private mutating func note(_ error: MapError, _ step: String) throws {
    errors += 1
    if !hasFailed() { throw fail(step, "\(error) without a fault") }
  }

  // MARK: Steps

  private mutating func open(_ name: String) throws -> WindowCursor {
    try step("open \(name)") { [maps, scratch] in try maps.cursor(for: scratch[name]) }
  }

  /// Uses a range, and looks at what it is lent.
  private mutating func use(
    _ cursor: inout WindowCursor, _ name: String, at offset: Int, count: Int
  ) throws {
    let model = models[name]!
    let isRight = try step("use \(name) at \(offset)") {
      guard try cursor.use(at: Int64(offset), count: count) else { return offset >= model.count }
      let isRight = shows(cursor.bytes, model, at: offset)
      try cursor.check()
      return isRight && cursor.range.count == min(count, model.count - offset)
    }
    if !isRight { throw fail("use \(name) at \(offset)", "other bytes") }
  }

  private mutating func readAll(_ name: String) throws {
    var cursor = try open(name)
    let model = models[name]!
    for offset in stride(from: 0, through: model.count, by: 7_000) {
      try use(&cursor, name, at: offset, count: 3_000)
    }
  }

  /// Everything once.
  mutating func run() async throws {
    try readByCursors()
    try readByBuffers()
    try await readAhead()
    try change()
    try readWithFewHandles()
    // Whatever failed, it is over.
    for name in models.keys.sorted() { try readAll(name) }
  }

  private mutating func readByCursors() throws {
    for name in ["empty", "tiny"] { try readAll(name) }
    var cursor = try open("long")
    for _ in 0..<6 {
      try use(&cursor, "long", at: dice.draw(60_000), count: 1 + dice.draw(300))
    }
    // Several windows, and more than the budget has left.
    try use(&cursor, "long", at: 1_000, count: 30_000)
    var copy = cursor.copy()
    try use(&cursor, "long", at: 40_000, count: 9_000)
    try step("a copy") { try copy.check() }
    try use(&copy, "long", at: 59_990, count: 100)
    let model = models["long"]!
    let isRight = try step("withBytes") {
      try copy.withBytes(at: 20_000, count: 5_000) { shows($0, model, at: 20_000) }
    }
    if !isRight { throw fail("withBytes", "other bytes") }
  }

  private mutating func readByBuffers() throws {
    let model = models["short"]!
    let buffer = try step("a buffer") { [maps, scratch] in try maps.buffer(for: scratch["short"]) }
    let isRight = try step("a buffer's bytes") {
      try buffer.withBytes(in: 100..<8_900) { shows($0, model, at: 100) }
    }
    if !isRight { throw fail("a buffer's bytes", "other bytes") }
    try step("a buffer's subscripts") { [maps, scratch] in
      let buffer = try maps.buffer(for: scratch["short"])
      let bytes = [0, 4_095, 4_096, 8_999].map { buffer[$0] }
      if let error = buffer.error { throw error }
      if bytes != [model[0], model[4_095], model[4_096], model[8_999]] {
        throw Mistake(step: "a buffer's subscripts", problem: "other bytes")
      }
    }
  }

  private mutating func readAhead() async throws {
    let model = models["long"]!
    try step("prefetch") { [maps, scratch] in
      try maps.prefetch(scratch["long"], ranges: [0..<8_192, 30_000..<50_000])
    }
    while maps.statistics.inFlight > 0 { await Task.yield() }
    try await step("lease") { [maps, scratch] in
      var cursor = try await maps.open(.path(scratch["long"]))
      try await cursor.lease(at: 33_000, count: 10_000)
      let isRight = shows(cursor.bytes, model, at: 33_000)
      try cursor.check()
      if !isRight { throw Mistake(step: "lease", problem: "other bytes") }
    }
    try await step("windows") { [maps, scratch] in
      var next: Int64 = 0
      for try await window in maps.windows(of: scratch["long"], readAhead: 3) {
        let isRight = window.withBytes { shows($0, model, at: Int(window.range.lowerBound)) }
        try window.check()
        if !isRight || window.range.lowerBound != next {
          throw Mistake(step: "windows", problem: "other bytes in \(window.range)")
        }
        next = window.range.upperBound
      }
      if next != model.count { throw Mistake(step: "windows", problem: "ended at \(next)") }
    }
  }

  private mutating func change() throws {
    var log = try open("log")
    try use(&log, "log", at: 4_900, count: 500)
    let more = content(6_000, seed: dice.next())
    try scratch.append("log", more)
    models["log"]! += more
    try step("refresh") { try log.refresh() }
    try use(&log, "log", at: 4_900, count: 5_000)
    var short = try open("short")
    try use(&short, "short", at: 0, count: 9_000)
    let old = models["short"]!
    models["short"] = content(12_000, seed: dice.next())
    try scratch.replace("short", by: models["short"]!)
    // The one that reads on has the old file still, the next one the new.
    let isOld = try step("a replaced file") {
      try short.withBytes(at: 100, count: 500) { shows($0, old, at: 100) }
    }
    if !isOld { throw fail("a replaced file", "other bytes") }
    try readAll("short")
  }

  private mutating func readWithFewHandles() throws {
    maps.collect()
    for _ in 0..<2 {
      for name in models.keys.sorted() { try readAll(name) }
      maps.unload(under: scratch.path)
    }
  }

  /// Ends the manager, and says what of it is left; nil if nothing is.
  func end(exceptMaps: Bool = false) -> String? {
    let pinned = maps.statistics.pinned
    maps.shutdown()
    let statistics = maps.statistics
    let usage = statistics.usage
    if pinned != 0 || usage.bytes != 0 || usage.regions != 0 || usage.handles != 0
      || usage.maps != 0
    {
      return "\(pinned) pinned, \(statistics)"
    }
    if scratch.descriptors != 0 { return "\(scratch.descriptors) descriptors" }
    if scratch.maps != 0 && !exceptMaps { return "\(scratch.maps) maps" }
    return nil
  }
}
