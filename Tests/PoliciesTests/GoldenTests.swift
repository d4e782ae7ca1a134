import MapProtocols
import MapTestSupport
import Policies
import Testing

/// The policies alone miss as often as their published definitions; ReplayTests holds managers to the same counts.
struct GoldenTests {
  @Test(arguments: GoldenMisses.all)
  func missesAreThePublishedOnes(_ row: GoldenMisses) {
    let requests = row.trace.requests()
    for (capacity, misses) in zip(GoldenMisses.capacities, row.misses) {
      var host = PolicyHost(row.policy, capacity: capacity, batch: 64)
      for key in requests { host.request(key) }
      #expect(host.misses == misses, "\(row.policy.name), \(row.trace), \(capacity) regions")
    }
  }

  /// A manager reports hits late, but always before the next decision: the batch must not show.
  @Test(arguments: ["lru", "lfu", "lfuda", "twoq", "arc"], [1, 7, 4096])
  func batchesChangeNothing(_ name: String, _ batch: Int) throws {
    let row = try #require(
      GoldenMisses.all.first { $0.policy.name == name && $0.trace == .scanmix })
    var host = PolicyHost(row.policy, capacity: 512, batch: batch)
    for key in row.trace.requests() { host.request(key) }
    #expect(host.misses == row.misses[1])
  }
}
