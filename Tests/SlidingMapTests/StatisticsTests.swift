import SlidingMap
import Testing

/// What `statistics` says to a reader.
struct StatisticsTests {
  @Test func aDescriptionIsSomeLines() throws {
    let scratch = try Scratch()
    let path = try scratch.write("file", content(64 * 4096))
    let maps = SlidingWindowMapManager(
      backend: .pread, policy: .clock, budget: .fixed(bytes: 16 * 4096, handles: 8),
      windowSize: 4096)
    #expect(maps.statistics.counts.hitRatio == nil)
    var cursor = try maps.cursor(for: path)
    for window in [0, 1, 0, 1, 2] { try cursor.use(at: Int64(window * 4096), count: 10) }
    let statistics = maps.statistics
    #expect(statistics.counts.hitRatio == 0.4)
    let lines = statistics.description.split(separator: "\n")
    let expected = [
      "pread, clock", "2 hits of 5 accesses (40.0%), 3 loads, 0 evictions",
      "held: 12.0 KiB of 64.0 KiB (peak 12.0 KiB), regions 3 (peak 3), ",
      "used by 1 cursors on 1 files; 1 windows pinned, 0 loads in flight",
    ]
    #expect(lines.count == expected.count)
    for (line, start) in zip(lines, expected) { #expect(line.hasPrefix(start), "\(line)") }
    #expect(lines[2].contains("handles 1 of 8 (peak 1)"))
  }

  @Test func aTakeoverHasALineOfItsOwn() throws {
    let scratch = try Scratch()
    let path = try scratch.write("file", content(4096))
    let shortage = Shortage()
    shortage.addresses = true
    let maps = SlidingWindowMapManager(backend: shortage.provider(), windowSize: 4096)
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 0, count: 10)
    let statistics = maps.statistics
    let backend = try #require(statistics.takeoverBackend)
    let lines = statistics.description.split(separator: "\n")
    #expect(lines[0] == "mmap, lru; \(backend) takes over")
    #expect(lines.last?.hasPrefix("taken over: ") == true)
  }
}
