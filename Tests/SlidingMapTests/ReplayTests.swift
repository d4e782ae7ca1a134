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
    (LRU(), [145_146, 142_832, 26_474]),
    (FIFO(), [146_760, 148_184, 38_699]),
    (Clock(), [144_090, 139_285, 25_350]),
    (Clock(bits: 2), [143_325, 136_469, 23_848]),
    (LFU(), [135_546, 110_089, 181_670]),
  ].flatMap { (policy: any EvictionPolicy, counts: [Int]) in
    zip([RequestTrace.skewed, .scanmix, .phases], counts).map {
      Row(policy: policy, trace: $0, misses: $1)
    }
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
