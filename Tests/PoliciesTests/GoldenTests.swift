import MapProtocols
import MapTestSupport
import MapTesting
import Policies
import Testing

/// The policies alone miss as often as their published definitions; ReplayTests holds managers to the same counts.
struct GoldenTests {
  /// Ours: there is no published count of W-TinyLFU. The policy agreed with its model when they were taken.
  static let unpublished: [GoldenMisses] = [
    GoldenMisses(policy: TinyLFU(), trace: .uniform, misses: [196_892, 175_291, 100_542]),
    GoldenMisses(policy: TinyLFU(), trace: .skewed, misses: [191_284, 128_537, 17_989]),
    GoldenMisses(policy: TinyLFU(), trace: .loop, misses: [200_000, 138_861, 1_500]),
    GoldenMisses(policy: TinyLFU(), trace: .scanmix, misses: [187_316, 106_849, 53_810]),
    GoldenMisses(policy: TinyLFU(), trace: .phases, misses: [165_363, 41_046, 11_783]),
    GoldenMisses(policy: TinyLFU(), trace: .pairs, misses: [110_694, 100_064, 100_064]),
  ]

  @Test(arguments: GoldenMisses.all)
  func missesAreThePublishedOnes(_ row: GoldenMisses) { check(row) }

  @Test(arguments: unpublished)
  func missesStayTheSame(_ row: GoldenMisses) { check(row) }

  /// A manager reports hits late, but always before the next decision: the batch must not show.
  @Test(arguments: ["lru", "lfu", "lfuda", "twoq", "arc"], [1, 7, 4096])
  func batchesChangeNothing(_ name: String, _ batch: Int) throws {
    let row = try #require(
      GoldenMisses.all.first { $0.policy.name == name && $0.trace == .scanmix })
    var host = PolicyHost(row.policy, capacity: 512, batch: batch)
    for key in row.trace.requests() { host.request(key) }
    #expect(host.misses == row.misses[1])
  }

  private func check(_ row: GoldenMisses) {
    let requests = row.trace.requests()
    for (capacity, misses) in zip(GoldenMisses.capacities, row.misses) {
      var host = PolicyHost(row.policy, capacity: capacity, batch: 64)
      for key in requests { host.request(key) }
      #expect(host.misses == misses, "\(row.policy.name), \(row.trace), \(capacity) regions")
    }
  }
}
