package import MapProtocols
internal import Testing

/// Counts how often each of some loads ended, by their tags 0, 1, 2 …, and lets a test wait for them.
package final class LoadTally: @unchecked Sendable {
  private let monitor = Monitor()
  private var ends: [Int]
  private var failures: [MapError] = []
  private var left: Int

  /// Expects `count` loads.
  package init(_ count: Int) {
    ends = Array(repeating: 0, count: count)
    left = count
  }

  /// To be called by their completions.
  package func note(_ loads: [RegionLoad]) {
    monitor.lock()
    for load in loads {
      ends[load.tag] += 1
      if let error = load.error { failures.append(error) }
    }
    left -= loads.count
    monitor.broadcast()
    monitor.unlock()
  }

  /// Waits until as many loads have ended as are expected, or more.
  package func waitForAll() {
    monitor.lock()
    while left > 0 { monitor.wait() }
    monitor.unlock()
  }

  /// The errors so far.
  package var errors: [MapError] {
    monitor.lock()
    defer { monitor.unlock() }
    return failures
  }

  /// The loads that have not ended, or more than once.
  package var wrongEnds: [Int] {
    monitor.lock()
    defer { monitor.unlock() }
    return ends.indices.filter { ends[$0] != 1 }
  }

  /// Expects that each load has ended, and none twice.
  package func expectOneEndEach() {
    #expect(wrongEnds == [], "loads that never ended, or more than once")
  }
}
