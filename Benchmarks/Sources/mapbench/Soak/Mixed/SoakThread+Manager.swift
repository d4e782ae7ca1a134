import BenchmarkSupport
import SlidingMap
import SystemPackage

extension SoakThread {
  /// What is done to the manager, its files and its buffers.
  mutating func perform(_ operation: SoakOperation, _ place: Int) throws {
    switch operation {
    case .open: try open(place)
    case .close: unsafe readers.start[place] = nil
    case .buffer: try makeBuffer(place % Self.bufferCount)
    case .read: try readBuffer(place % Self.bufferCount)
    case .prefetch: try prefetch()
    case .lease: try awaitBytes()
    case .windows: try readInOrder()
    case .collect: maps.collect()
    case .unload: unload()
    case .setPolicy:
      let policies = PolicyName.allCases
      let policy = policies[tally.turn() % policies.count].make()
      maps.setPolicy(policy)
    case .statistics: try lookAtStatistics()
    case .grow: try draw(soak.files.growing).grow(by: 1 + generator.below(8192))
    case .replace: try draw(soak.files.replaced).replace()
    case .use, .look, .release, .copy, .refresh, .wide: preconditionFailure("done to a cursor")
    }
  }

  private mutating func makeBuffer(_ index: Int) throws {
    let file = draw(soak.files.all)
    buffers[index] = nil
    let stamp = begin(file)
    buffers[index] = try SoakBuffer(maps, file, stamp, &generator)
  }

  private mutating func readBuffer(_ index: Int) throws {
    if buffers[index] == nil { try makeBuffer(index) }
    guard let buffer = buffers[index] else { return }
    subject = (buffer.file, buffer.stamp)
    try buffer.read(&generator, windowSize: MixedSoak.windowSize)
  }

  private mutating func prefetch() throws {
    let file = draw(soak.files.all)
    _ = begin(file)
    let ranges = (0..<2).map { _ in
      let start = Int64(generator.below(4 * MixedSoak.windowSize))
      return start..<start + Int64(generator.below(2 * MixedSoak.windowSize))
    }
    try maps.prefetch(file.path, ranges: ranges)
  }

  private mutating func unload() {
    let file = draw(soak.files.all)
    let isDirectory = generator.below(8) == 0
    maps.unload(under: isDirectory ? file.path.removingLastComponent() : file.path)
  }

  private func lookAtStatistics() throws {
    let statistics = maps.statistics
    let cursors = soak.threads * (Self.cursorCount + 6 * Self.bufferCount + 2)
    // A buffer has up to four cursors, and one that is being replaced is another.
    if statistics.cursors > cursors || statistics.usage.bytes < 0 || statistics.usage.regions < 0
      || statistics.usage.handles > statistics.limits.handles
    {
      throw SoakMiscount(statistics: statistics)
    }
  }

  private mutating func awaitBytes() throws {
    let (file, maps) = (draw(soak.files.all), maps)
    let stamp = begin(file)
    let offset = generator.below(4 * MixedSoak.windowSize)
    let count = generator.below(MixedSoak.windowSize)
    try WaitedTask.run {
      var reader = try SoakReader(maps, file, stamp)
      try await reader.lease(at: offset, count: count)
    }
  }

  /// Up to eight windows of a file; one that stays as it is, for nothing tells which version of another is read.
  private mutating func readInOrder() throws {
    let file = draw(soak.files.fixed)
    _ = begin(file)
    let windows = maps.windows(of: file.path, readAhead: 2)
    try WaitedTask.run {
      var next: Int64 = 0
      for try await window in windows {
        let range = window.range
        let isRight = window.withBytes { bytes in
          bytes.byteCount == range.count
            && bytes.followsPattern(from: Int(range.lowerBound), seed: file.seed(size: 0))
        }
        if range.lowerBound != next || !isRight {
          throw SoakMismatch("windows(of:) gave \(range)", file)
        }
        next = range.upperBound
        if next >= Int64(8 * MixedSoak.windowSize) { break }
      }
    }
  }
}

/// The manager counts what can't be.
struct SoakMiscount: Error {
  let statistics: MapStatistics
}
