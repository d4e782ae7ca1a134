import MapTesting
import SlidingMap
import Testing

/// A file's bytes as a collection.
struct BufferTests {
  static let model = content(5 * 4096 + 123)

  private func buffer(
    _ shape: Shape, _ scratch: Scratch, _ range: Range<Int64>? = nil
  ) throws -> MapBuffer {
    let path = try scratch.write("file", Self.model)
    return try shape.manager(.fixed(regions: 3)).buffer(for: path, range: range)
  }

  @Test(arguments: Shape.small)
  func isACollection(_ shape: Shape) throws {
    let scratch = try Scratch()
    let buffer = try buffer(shape, scratch)
    #expect(buffer.count == Self.model.count && buffer.indices == 0..<Self.model.count)
    #expect(Array(buffer) == Self.model && buffer.elementsEqual(Self.model))
    #expect(Array(buffer.reversed()) == Self.model.reversed())
    func mix(_ sum: Int, _ byte: UInt8) -> Int { sum &* 31 &+ Int(byte) }
    #expect(buffer.reduce(7, mix) == Self.model.reduce(7, mix))
    #expect(buffer[5..<5].reduce(7, mix) == 7)
    #expect(buffer[4000..<9000].reduce(7, mix) == Self.model[4000..<9000].reduce(7, mix))
    #expect(buffer.first == Self.model.first && buffer.last == Self.model.last)
    for index in stride(from: 0, to: Self.model.count, by: 61) {
      #expect(buffer[index] == Self.model[index])
    }
    #expect(buffer.error == nil && !buffer.isEmpty)
    #expect(buffer.fileRange == 0..<Int64(Self.model.count))
  }

  @Test(arguments: Shape.small)
  func aRangeBeginsAtItsOffset(_ shape: Shape) throws {
    let scratch = try Scratch()
    let buffer = try buffer(shape, scratch, 100..<9000)
    let model = Array(Self.model[100..<9000])
    #expect(buffer.count == 8900 && buffer[0] == model[0] && Array(buffer) == model)
    let slice = buffer[4000..<5000]
    #expect(slice.startIndex == 4000 && slice.endIndex == 5000 && slice.fileRange == 4100..<5100)
    #expect(slice[4500] == model[4500] && Array(slice) == Array(model[4000..<5000]))
    #expect(Array(slice[4990...]) == Array(model[4990..<5000]))
    #expect(slice.first == model[4000] && slice.dropFirst(10).first == model[4010])
    #expect(buffer[7..<7].isEmpty && buffer[7..<7].first == nil)
  }

  /// What a body throws comes through; where it throws nothing, only a `MapError` can.
  @Test func errorsAreTyped() throws {
    struct Own: Error {}
    func count(_ buffer: MapBuffer, _ cursor: inout WindowCursor) throws(MapError) -> Int {
      var sum = try buffer.withBytes(in: 0..<100) { $0.byteCount }
      try buffer.forEachChunk(in: 0..<9000) { bytes, _ in sum += bytes.byteCount }
      return try sum + cursor.withBytes(at: 4000, count: 500) { $0.byteCount }
    }
    let scratch = try Scratch()
    let buffer = try buffer(Shape.small[0], scratch)
    let maps = SlidingWindowMapManager(windowSize: 4096)
    var cursor = try maps.cursor(for: scratch.write("other", Self.model))
    #expect(try count(buffer, &cursor) == 9600)
    #expect(throws: Own.self) { try buffer.withBytes(in: 0..<100) { _ in throw Own() } }
    #expect(throws: Own.self) { try buffer.forEachChunk(in: 0..<100) { _, _ in throw Own() } }
    var error: (any Error)?
    do { try cursor.withBytes(at: 0, count: 100) { _ in throw Own() } } catch let own {
      error = own
    }
    #expect(error is Own)
  }

  @Test func rangesAreCutAtTheEnd() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(windowSize: 4096)
    let path = try scratch.write("file", Self.model)
    let end = Int64(Self.model.count)
    #expect(try maps.buffer(for: path, range: end - 5..<end + 100).count == 5)
    #expect(try maps.buffer(for: path, range: 0 ..< .max).count == Self.model.count)
    let ranges: [Range<Int64>] = [end..<end + 1, end + 7..<end + 9, 3..<3, .max - 1 ..< .max]
    for range in ranges {
      let buffer = try maps.buffer(for: path, range: range)
      #expect(buffer.isEmpty && Array(buffer).isEmpty && buffer.error == nil)
    }
    #expect(try maps.buffer(for: scratch.write("empty", [])).isEmpty)
  }

  @Test func iteratorsAreValues() throws {
    let scratch = try Scratch()
    let buffer = try buffer(Shape(windowSize: 4096), scratch)
    var first = buffer.makeIterator()
    for _ in 0..<4000 { _ = first.next() }
    var second = first
    for index in 4000..<9000 { #expect(first.next() == Self.model[index]) }
    for index in 4000..<9000 { #expect(second.next() == Self.model[index]) }
    var third = second
    while second.next() != nil {}
    #expect(second.next() == nil && third.next() == Self.model[9000])
  }

  @Test(arguments: Shape.small)
  func withBytesCrossesWindows(_ shape: Shape) throws {
    let scratch = try Scratch()
    let buffer = try buffer(shape, scratch, 100..<20_000)
    for range in [0..<1, 3990..<4000, 0..<8192, 5000..<19_900, 7..<7] {
      let bytes = try buffer.withBytes(in: range) { array($0) }
      #expect(bytes == Array(Self.model[range.lowerBound + 100..<range.upperBound + 100]))
    }
    // Within itself, deeper than a buffer has cursors.
    let depth = try buffer.withBytes(in: 0..<1) { _ in
      try buffer.withBytes(in: 5000..<5001) { _ in
        try buffer.withBytes(in: 1..<2) { _ in
          try buffer.withBytes(in: 2..<3) { _ in
            try buffer.withBytes(in: 9000..<9003) { array($0) }
          }
        }
      }
    }
    #expect(depth == Array(Self.model[9100..<9103]))
  }

  @Test(arguments: Shape.small)
  func copiesBytes(_ shape: Shape) throws {
    let scratch = try Scratch()
    let buffer = try buffer(shape, scratch, 100..<20_000)
    for range in [0..<19_900, 4000..<9000, 8..<8] {
      var copy = [UInt8](repeating: 0, count: 20_000)
      do {
        var span = copy.mutableSpan
        var bytes = unsafe span.mutableBytes
        try buffer.copyBytes(in: range, to: &bytes)
      }
      #expect(copy[..<range.count] == Self.model[range.lowerBound + 100..<range.upperBound + 100])
      #expect(copy[range.count...].allSatisfy { $0 == 0 })
    }
  }

  /// A buffer of Python's smmap is begun and ended again and again; here each is a new one.
  @Test func oneAfterAnother() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(budget: .fixed(regions: 3, handles: 1), windowSize: 4096)
    let path = try scratch.write("file", Self.model)
    for offset in stride(from: 0, to: Self.model.count, by: 1700) {
      let buffer = try maps.buffer(for: path, range: Int64(offset)..<Int64(offset + 50))
      #expect(buffer.first == Self.model[offset])
      #expect(maps.statistics.pinned == 1)
      buffer.release()
      #expect(maps.statistics.pinned == 0)
      #expect(buffer.last == Self.model[min(offset + 50, Self.model.count) - 1])
    }
    #expect(maps.statistics.cursors == 0 && maps.statistics.counts.overshoots == 0)
  }

  /// What a buffer keeps between accesses is a few windows, not all that were ever looked at together.
  @Test func wideAccessesAreGivenUp() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(budget: .fixed(regions: 2), windowSize: 4096)
    let buffer = try maps.buffer(for: scratch.write("file", Self.model))
    let same = try buffer.withBytes(in: 0..<Self.model.count) { shows($0, Self.model, at: 0) }
    #expect(same && maps.statistics.counts.overshoots == 4)
    #expect(maps.statistics.usage.regions <= 2 && maps.statistics.pinned <= 1)
  }

  @Test(arguments: Shape.small)
  func eightThreadsUseOneBuffer(_ shape: Shape) throws {
    let scratch = try Scratch()
    let buffer = try buffer(shape, scratch)
    try onThreads(8) { thread in
      var dice = Dice(seed: UInt64(thread))
      for _ in 0..<500 {
        let index = dice.draw(Self.model.count - 5000)
        let shown = try buffer.withBytes(in: index..<index + 5000) {
          shows($0, Self.model, at: index)
        }
        let isRight = shown && buffer[index] == Self.model[index]
        let slice = buffer[index..<index + 20]
        #expect(isRight && slice.elementsEqual(Self.model[index..<index + 20]))
      }
    }
    #expect(buffer.error == nil)
  }

  @Test func anErrorSticks() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(windowSize: 4096)
    let path = try scratch.write("file", Self.model)
    let buffer = try maps.buffer(for: path)
    let slice = buffer[100..<200]
    #expect(buffer[0] == Self.model[0])
    maps.shutdown()
    // The window in the lease is still there.
    #expect(buffer[1] == Self.model[1] && buffer.error == nil)
    #expect(slice[10_000 % 100 + 100] == Self.model[100] && slice.error == nil)
    #expect(buffer[10_000] == 0)
    #expect(buffer.error?.code == .shutdown && slice.error?.code == .shutdown)
    #expect(buffer.error?.source == .path(path))
    #expect(throws: MapError.self) { try buffer.withBytes(in: 0..<Self.model.count) { _ in } }
    #expect(Array(buffer[20_000..<20_010]) == Array(repeating: 0, count: 10))
    #expect(buffer.error?.range == 10_000..<10_001)
  }

  @Test("A search finds what a naive one does, wherever windows end", arguments: Shape.small)
  func searchesAcrossWindows(_ shape: Shape) throws {
    let scratch = try Scratch()
    var model = Self.model
    for (place, length) in [(4090, 12), (8191, 2), (12_288, 1), (100, 4500), (20_000, 7)] {
      for index in 0..<length { model[place + index] = 0xEE }
    }
    let path = try scratch.write("file", model)
    let buffer = try shape.manager(.fixed(regions: 1)).buffer(for: path, range: 64..<20_600)
    let bytes = Array(model[64..<20_600])
    func naive(_ pattern: [UInt8], _ bounds: Range<Int>) -> Range<Int>? {
      bounds.dropLast(min(max(pattern.count - 1, 0), bounds.count)).first {
        bytes[$0..<$0 + pattern.count].elementsEqual(pattern)
      }.map { $0..<$0 + pattern.count }
    }
    var found = 0
    for start in [0, 4026, 4031, 8127, 12_224, 20_530] {
      for length in [1, 2, 5, 40, 5000] where start + length <= bytes.count {
        let pattern = Array(bytes[start..<start + length])
        for bounds in [0..<bytes.count, start / 2..<bytes.count, start..<start + length] {
          let range = try buffer.firstRange(of: pattern, in: bounds)
          #expect(range == naive(pattern, bounds))
          if range != nil { found += 1 }
        }
        let short = start..<start + length - 1
        #expect(try buffer.firstRange(of: pattern, in: short) == nil)
      }
    }
    #expect(found >= 75)
    for pattern in [[0xEE], [0xEE, 0xEE], Array(bytes[4026..<4031]), [bytes[7]], []] {
      let searcher = ByteSearcher(pattern)
      var all: [Range<Int>] = []
      while !pattern.isEmpty,
        let next = naive(pattern, (all.last?.upperBound ?? 0)..<bytes.count)
      {
        all.append(next)
      }
      #expect(try buffer.ranges(of: searcher) == all)
      var told: [Range<Int>] = []
      try buffer.forEachRange(of: searcher) { range in
        told.append(range)
        // It may use the buffer meanwhile.
        #expect(buffer[range.lowerBound] == pattern[0])
      }
      let inSpan = unsafe bytes.span.bytes.ranges(of: searcher)
      #expect(told == all && inSpan == all)
      let rest = 9000..<bytes.count - 1
      let expected = all.filter { rest.contains($0.lowerBound) && $0.upperBound <= rest.upperBound }
      if pattern.count == 1 { #expect(try buffer.ranges(of: searcher, in: rest) == expected) }
    }
    struct Enough: Error {}
    #expect(throws: Enough.self) {
      try buffer.forEachRange(of: ByteSearcher([0xEE])) { _ in throw Enough() }
    }
    #expect(try buffer.firstRange(of: []) == 0..<0)
    #expect(
      try buffer.firstRange(of: [1, 2, 3, 4, 5, 6, 7, 8, 9])
        == naive([1, 2, 3, 4, 5, 6, 7, 8, 9], 0..<bytes.count))
    #expect(buffer.firstIndex(of: 0xEE) == bytes.firstIndex(of: 0xEE))
    #expect(buffer[5000...].firstIndex(of: 0xEE) == bytes[5000...].firstIndex(of: 0xEE))
    #expect(buffer.contains(0xEE) && !buffer[0..<30].contains(0xEE))
    #expect(buffer.error == nil)
  }

  @Test("Chunks follow each other through a file larger than the budget", arguments: Shape.small)
  func chunks(_ shape: Shape) throws {
    let scratch = try Scratch()
    let path = try scratch.write("file", Self.model)
    let maps = shape.manager(.fixed(regions: 1))
    let buffer = try maps.buffer(for: path, range: 100..<20_000)
    var bytes: [UInt8] = []
    try buffer.forEachChunk(in: 7..<19_000) { chunk, index in
      #expect(index == 7 + bytes.count && !chunk.isEmpty)
      bytes += array(chunk)
    }
    #expect(bytes == Array(Self.model[107..<19_100]))
    #expect(maps.statistics.counts.overshoots == 0)
    struct Stop: Error {}
    #expect(throws: Stop.self) { try buffer.forEachChunk(in: 0..<9000) { _, _ in throw Stop() } }
    try buffer.forEachChunk(in: 5..<5) { _, _ in Issue.record("there are no bytes") }
    // Within itself, deeper than a buffer has cursors.
    var depth = 0
    func descend() throws {
      depth += 1
      if depth < 7 { try buffer.forEachChunk(in: 0..<1) { _, _ in try descend() } }
    }
    try descend()
    #expect(depth == 7)
  }

  /// A walk over a megabyte that fails throughout asks for each page once, not for each byte.
  @Test func whatCannotBeReadIsAskedForByPages() throws {
    let scratch = try Scratch()
    let size = 1 << 20
    let path = try scratch.resize("file", to: Int64(size))
    let loads = Locked(0)
    let provider = FaultProvider(.mmap) { call in
      if call.operation != .load { return nil }
      loads.withLock { $0 += 1 }
      return MapError(.readFailed, errno: .ioError)
    }
    let maps = SlidingWindowMapManager(backend: provider, windowSize: 4096)
    let buffer = try maps.buffer(for: path, range: 100..<Int64(size))
    for bytes in [Array(buffer), buffer.reduce(into: []) { $0.append($1) }] {
      #expect(bytes.count == size - 100 && bytes.allSatisfy { $0 == 0 })
    }
    var iterator = buffer.makeIterator()
    var sum = 0
    for _ in 0..<size - 100 { sum += Int(iterator.next() ?? 1) }
    #expect(sum == 0)
    #expect(iterator.next() == nil)
    #expect(loads.withLock { $0 } <= 3 * size / 4096)
    #expect(buffer.error?.code == .readFailed)
  }

  @Test func whatCannotBeReadIsZeroInAnArrayAndAnErrorInASearch() throws {
    let scratch = try Scratch()
    let path = try scratch.write("file", Self.model)
    let provider = FaultProvider(.mmap) { call in
      call.operation == .load && call.range?.contains(4096) == true
        ? MapError(.readFailed, errno: .ioError) : nil
    }
    let maps = SlidingWindowMapManager(backend: provider, windowSize: 4096)
    let buffer = try maps.buffer(for: path)
    #expect(try buffer.firstRange(of: Self.model[10..<50]) == 10..<50)
    #expect(throws: MapError.self) { try buffer.firstRange(of: Self.model[9000..<9100]) }
    #expect(throws: MapError.self) { try buffer.forEachChunk(in: 0..<5000) { _, _ in } }
    #expect(buffer.error == nil)
    let bytes = Array(buffer)
    #expect(bytes[..<4096] == Self.model[..<4096] && bytes[8192...] == Self.model[8192...])
    #expect(bytes[4096..<8192].allSatisfy { $0 == 0 })
    #expect(buffer.error?.code == .readFailed && buffer.error?.errno == .ioError)
    let again = try maps.buffer(for: path)
    #expect(again.elementsEqual(bytes))
    #expect(again.reduce(into: []) { $0.append($1) } == bytes)
    func mix(_ sum: Int, _ byte: UInt8) -> Int { sum &* 31 &+ Int(byte) }
    #expect(again.reduce(7, mix) == bytes.reduce(7, mix))
    #expect(again.error?.code == .readFailed)
    let missing = (0...255).first { !Self.model.contains($0) }
    if let missing { #expect(again.firstIndex(of: missing) == nil) }
    #expect(again[9000...].contains(Self.model[9000]))
  }
}
