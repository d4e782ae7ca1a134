import MapTesting
import SlidingMap
import Testing

/// A hard budget is never overshot: it refuses what does not fit, and nothing else.
struct HardBudgetTests {
  @Test(arguments: [true, false])
  func aHardBudgetThrowsAndLosesNothing(_ byBytes: Bool) throws {
    let scratch = try Scratch()
    let budget: FixedBudget =
      byBytes ? .fixed(bytes: 4 * 4096, isHard: true) : .fixed(regions: 4, isHard: true)
    let maps = SlidingWindowMapManager(budget: budget, windowSize: 4096)
    let path = try scratch.write("file", BudgetTests.model)
    var holder = try maps.cursor(for: path)
    try holder.use(at: 0, count: 3 * 4096)
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 4096 * 10)
    for count in [4097, 5 * 4096, Int.max] {
      let loads = maps.statistics.counts.loads
      let error = mapError { try cursor.use(at: 4096 * 20, count: count) }
      #expect(error?.code == .budgetExhausted)
      // What fits by no means is not begun.
      #expect(count == 4097 || maps.statistics.counts.loads == loads)
      let (seen, kept) = (view(cursor), view(holder))
      #expect(seen == .none && kept == .of(BudgetTests.model, 0..<3 * 4096))
    }
    var statistics = maps.statistics
    #expect(
      statistics.pinned == 3 && statistics.counts.overshoots == 0 && statistics.peak.regions == 4)
    #expect(statistics.usage.regions <= 4)
    try cursor.use(at: 4096 * 30)
    holder.release()
    try cursor.use(at: 4096 * 40, count: 4 * 4096)
    statistics = maps.statistics
    #expect(statistics.peak.bytes == 4 * 4096 && statistics.pinned == 4)
  }

  /// Each of four threads uses one window at a time, and four fit: nobody may be told that nothing does.
  @Test func aHardBudgetRefusesNothingThatFits() throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(budget: .fixed(regions: 4, isHard: true), windowSize: 4096)
    let path = try scratch.write("file", BudgetTests.model)
    try onThreads(4) { index in
      var dice = Dice(seed: UInt64(index))
      var cursor = try maps.cursor(for: path)
      for _ in 0..<5000 {
        let offset = dice.draw(12) * 4096
        try cursor.use(at: Int64(offset), count: 4096)
        let shown = shows(cursor.bytes, BudgetTests.model, at: offset)
        #expect(shown)
      }
    }
    #expect(maps.statistics.peak.regions <= 4)
  }

  @Test func aHardBudgetRefusesALargerFileAndKeepsTheOthers() throws {
    let scratch = try Scratch()
    let maps = StaticWindowMapManager(budget: .fixed(bytes: 100 << 10, isHard: true))
    var small = try maps.cursor(for: scratch.write("small", content(5000)))
    try small.use(at: 0)
    small.release()
    var cursor = try maps.cursor(for: scratch.write("file", BudgetTests.model))
    let error = mapError { try cursor.use(at: 0, count: 1) }
    #expect(error?.code == .budgetExhausted)
    #expect(maps.statistics.usage.regions == 1)
  }
}
