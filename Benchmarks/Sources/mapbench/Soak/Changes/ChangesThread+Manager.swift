import BenchmarkSupport
import SlidingMap

extension ChangesThread {
  mutating func prefetch() throws {
    let ranges = (0..<2).map { _ in
      let start = Int64(generator.below(8 * ChangesSoak.windowSize))
      return start..<start + Int64(generator.below(2 * ChangesSoak.windowSize))
    }
    try maps.prefetch(draw().path, ranges: ranges)
  }

  func lookAtStatistics() throws {
    let statistics = maps.statistics
    let usage = statistics.usage
    if [usage.bytes, usage.regions, usage.maps, usage.addresses, usage.handles, statistics.cursors]
      .contains(where: { $0 < 0 })
    {
      throw SoakMiscount(statistics: statistics)
    }
  }

  mutating func awaitBytes() throws {
    let (file, maps, tally) = (draw(), maps, round.tally)
    let (offset, count) = (
      generator.below(8 * ChangesSoak.windowSize), generator.below(2 * ChangesSoak.windowSize)
    )
    try WaitingThread.run {
      var reader = try ChangesReader(maps, file, tally)
      try await reader.lease(at: offset, count: count)
    }
  }

  /// Up to eight windows of a file.
  mutating func readInOrder() throws {
    let (noted, tally) = (draw(), round.tally)
    let windows = maps.windows(of: noted.path, readAhead: 2)
    try WaitingThread.run {
      var file = noted
      var next: Int64 = 0
      for try await window in windows {
        // The file was opened meanwhile; nobody tells its size.
        if next == 0 { try file.open(size: nil) }
        let range = window.range
        let seen = window.withBytes {
          file.judge($0, from: Int(range.lowerBound), isCopy: tally.isCopying)
        }
        try window.check()
        if range.lowerBound != next {
          throw ChangesMismatch("windows(of:) gave \(range) after \(next)", file)
        }
        try tally.take(seen, file)
        next = range.upperBound
        if next >= Int64(8 * ChangesSoak.windowSize) { break }
      }
    }
  }
}
