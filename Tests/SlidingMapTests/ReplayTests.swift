import MapTestSupport
import SlidingMap
import Testing

/// In one thread a manager's victims are exactly those of the policy's definition: the counts are those that the policies
/// alone are held to.
struct ReplayTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let policy: any EvictionPolicy
    let trace: RequestTrace
    let misses: Int
    var testDescription: String { "\(policy.name) \(trace)" }
  }

  static let capacity = 512

  static let rows: [Row] = [
    (LRU(), [175_044, 145_146, 200_000, 142_832, 26_474, 100_064]),
    (FIFO(), [174_945, 146_760, 200_000, 148_184, 38_699, 111_625]),
    (Clock(), [174_966, 144_090, 200_000, 139_285, 25_350, 100_064]),
    (Clock(bits: 2), [174_956, 143_325, 200_000, 136_469, 23_848, 100_064]),
    (LFU(), [175_147, 135_546, 200_000, 110_089, 181_670, 100_064]),
  ].flatMap { (policy: any EvictionPolicy, counts: [Int]) in
    zip(RequestTrace.allCases, counts).map { Row(policy: policy, trace: $0, misses: $1) }
  }

  @Test(arguments: rows)
  func missesAreThoseOfThePolicy(_ row: Row) throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(
      policy: row.policy, budget: .fixed(regions: Self.capacity), windowSize: 4096)
    let requests = row.trace.requests()
    let path = try scratch.resize("sparse", to: Int64(requests.max()! + 1) * 4096)
    var cursor = try maps.cursor(for: path)
    for key in requests {
      try cursor.use(at: Int64(key) * 4096, count: 1)
      // The same window twice in a row is two accesses only if the lease ended.
      cursor.release()
    }
    let statistics = maps.statistics
    #expect(statistics.misses == row.misses)
    #expect(statistics.hits == requests.count - row.misses && statistics.overshoots == 0)
    #expect(statistics.regions == Self.capacity && statistics.droppedHits == 0)
  }

  /// A lease that passes from window to window forbids no victim: the old one ends before the new one is chosen.
  @Test(arguments: ["lru", "fifo"])
  func aMovingLeaseChangesNothing(_ name: String) throws {
    let row = try #require(Self.rows.first { $0.policy.name == name && $0.trace == .scanmix })
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(
      policy: row.policy, budget: .fixed(regions: Self.capacity), windowSize: 4096)
    let requests = row.trace.requests()
    let path = try scratch.resize("sparse", to: Int64(requests.max()! + 1) * 4096)
    var cursor = try maps.cursor(for: path)
    for key in requests { try cursor.use(at: Int64(key) * 4096, count: 1) }
    #expect(maps.statistics.misses == row.misses)
  }
}
