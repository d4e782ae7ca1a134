import SlidingMap
import Testing

/// Random operations from four threads on files of all sizes, held to the files' content.
@Suite(.serialized)
struct ModelTests {
  struct Run: Sendable, CustomTestStringConvertible {
    let shape: Shape
    let policy: any EvictionPolicy
    var backend = BackendKind.mmap
    var testDescription: String { "\(backend), \(shape.testDescription), \(policy.name)" }
  }

  static let runs = [4096, 12288, 65536, nil].flatMap { size in
    everyPolicy.map { Run(shape: Shape(windowSize: size), policy: $0) }
  }
  static let otherBackends = BackendKind.allCases.flatMap { backend in
    [4096, nil].map { Run(shape: Shape(windowSize: $0), policy: .lru, backend: backend) }
  }
  static let threads = 4
  static let operations = 2_200

  struct File: Sendable {
    let path: FilePath
    let model: [UInt8]
  }

  @Test(arguments: runs + otherBackends)
  func randomOperations(_ run: Run) throws {
    let seed = UInt64.random(in: 0 ... .max)
    let scratch = try Scratch()
    let files = try [0, 1, 4096, 77_777, 3 << 20].map { size in
      let model = content(size, seed: UInt64(size))
      return File(path: try scratch.write("\(size)", model), model: model)
    }
    let window = run.shape.windowSize ?? 1 << 20
    // A hard budget must hold what four threads may pin at once.
    let (bytes, regions) = run.backend.isAnonymous ? (400 * window, 400) : (8 * window, 40)
    do {
      let maps = run.shape.manager(
        .fixed(bytes: bytes, regions: regions, maps: 3, handles: 3), policy: run.policy,
        backend: try run.backend.make())
      try onThreads(Self.threads) { thread in
        let session = Session(maps, files, seed: seed &+ UInt64(thread), run.shape)
        for step in 0..<Self.operations {
          let problem = try session.step()
          #expect(problem == nil, "\(problem ?? ""), seed \(seed), thread \(thread), step \(step)")
        }
      }
      let statistics = maps.statistics
      #expect(statistics.pinned == 0 && statistics.cursors == 0, "seed \(seed)")
      #expect(
        statistics.usage.bytes <= bytes && statistics.usage.regions <= regions, "seed \(seed)")
      #expect(
        statistics.counts.loads - statistics.counts.evictions == statistics.usage.regions,
        "seed \(seed)")
      #expect(statistics.peak.handles <= 3, "seed \(seed)")
      maps.collect()
      #expect(maps.statistics.files == 0 && maps.statistics.usage.bytes == 0)
    }
    #expect(scratch.maps == 0 && scratch.descriptors == 0, "seed \(seed)")
  }
}

/// One thread's cursors and buffer.
private final class Session {
  let maps: MapManager
  let files: [ModelTests.File]
  let window: Int
  let isWhole: Bool
  var dice: Dice
  var file: Int
  var cursor: WindowCursor?
  var copied: (file: Int, range: Range<Int64>) = (0, 0..<0)
  var copy: WindowCursor?
  var buffer: MapBuffer?
  var buffered = 0

  init(_ maps: MapManager, _ files: [ModelTests.File], seed: UInt64, _ shape: Shape) {
    isWhole = shape.windowSize == nil
    window = shape.windowSize ?? 1 << 20
    self.maps = maps
    self.files = files
    dice = Dice(seed: seed)
    file = 0
  }

  /// An operation; what was wrong with it, or nil.
  func step() throws -> String? {
    var current = try open()
    let problem = try operate(&current)
    if dice.draw(40) > 0 { cursor = consume current }
    return problem
  }

  private func open() throws -> WindowCursor {
    if let cursor = cursor.take() { return cursor }
    file = dice.draw(files.count)
    return try maps.cursor(for: files[file].path)
  }

  private func operate(_ cursor: inout WindowCursor) throws -> String? {
    let model = files[file].model
    let offset = dice.draw(10) == 0 ? dice.draw(2 * model.count + 10) : dice.draw(model.count + 1)
    let count = dice.draw(8) == 0 ? dice.draw(4 * window) : dice.draw(300)
    switch dice.draw(40) {
    case 0..<22:
      let used = try cursor.use(at: Int64(offset), count: count)
      return check(cursor, used, offset, min(count, max(model.count - offset, 0)))
    case 22..<25:
      let used = try cursor.use(at: Int64(offset))
      let end = isWhole ? model.count : min((offset / window + 1) * window, model.count)
      return check(cursor, used, offset, max(end - offset, 0))
    case 25:
      copy = cursor.copy()
      copied = (file, cursor.range)
    case 26, 27:
      guard let kept = copy.take() else { return nil }
      let isRight = check(kept, copied.range, files[copied.file].model)
      if dice.draw(3) > 0 { copy = consume kept }
      if !isRight { return "a copy changed" }
    case 28: cursor.release()
    case 29:
      try cursor.refresh()
      if cursor.fileSize != Int64(model.count) { return "refresh: \(cursor.fileSize)" }
    case 30, 31:
      let isRight = try cursor.withBytes(at: Int64(offset), count: count) {
        $0.byteCount == min(count, max(model.count - offset, 0)) && shows($0, model, at: offset)
      }
      if !isRight { return "withBytes(at: \(offset), count: \(count))" }
    case 32, 33:
      if buffer == nil || dice.draw(20) == 0 {
        buffered = dice.draw(files.count)
        buffer = try maps.buffer(for: files[buffered].path)
      }
      return try look(buffer!, files[buffered].model)
    case 34: if dice.draw(10) == 0 { maps.collect() }
    case 35: if dice.draw(10) == 0 { maps.unload(under: files[dice.draw(files.count)].path) }
    case 36:
      let policy = everyPolicy[dice.draw(everyPolicy.count)]
      if dice.draw(30) == 0 { maps.setPolicy(policy) }
    case 37:
      let statistics = maps.statistics
      if statistics.peak.handles > 3 || statistics.cursors < 1 { return "\(statistics)" }
    default: break
    }
    return nil
  }

  private func check(
    _ cursor: borrowing WindowCursor, _ expected: Range<Int64>, _ model: [UInt8]
  ) -> Bool {
    let range = cursor.range
    let isShown = shows(cursor.bytes, model, at: Int(range.lowerBound))
    return range == expected && isShown
  }

  private func check(_ cursor: borrowing WindowCursor, _ used: Bool, _ offset: Int, _ count: Int)
    -> String?
  {
    let model = files[file].model
    let isInside = offset < model.count
    let expected = isInside ? Int64(offset)..<Int64(offset + count) : 0..<0
    let (range, isValid) = (cursor.range, cursor.isValid)
    let isShown = shows(cursor.bytes, model, at: Int(range.lowerBound))
    if used == isInside && isValid == isInside && range == expected && isShown { return nil }
    return "use(at: \(offset)) of \(model.count): \(used), \(range) for \(expected), \(isShown)"
  }

  private func look(_ buffer: MapBuffer, _ model: [UInt8]) throws -> String? {
    if buffer.count != model.count { return "buffer of \(buffer.count)" }
    if model.isEmpty { return nil }
    let index = dice.draw(model.count)
    let slice = buffer[index..<min(index + 20, model.count)]
    let range = index..<min(index + 2 * window, model.count)
    let isRight =
      try buffer[index] == model[index]
      && slice.elementsEqual(model[slice.startIndex..<slice.endIndex])
      && buffer.withBytes(in: range) { $0.byteCount == range.count && shows($0, model, at: index) }
    if dice.draw(4) == 0 { buffer.release() }
    return isRight && buffer.error == nil
      ? nil : "buffer at \(index): \(String(describing: buffer.error))"
  }
}
