import FuzzSupport
import SlidingMap

/// Holds what a manager tells of itself to what it promises.
enum Books {
  static func check(
    _ statistics: MapStatistics, _ setup: Setup, readers: Int, buffers: Int, isIdle: Bool
  ) {
    let (usage, peak, limits) = (statistics.usage, statistics.peak, setup.limits)
    let problem: String? =
      if statistics.limits != limits && setup.isHard == limits.isHard {
        "other limits"
      } else if statistics.cursors < readers || statistics.cursors > readers + 5 * buffers {
        "cursors of \(readers) readers and \(buffers) buffers"
      } else if peak.handles > limits.handles {
        "too many handles"
      } else if setup.isHard && (peak.bytes > limits.bytes || peak.regions > limits.regions) {
        "a hard budget overshot"
      } else if isIdle && statistics.pinned > 0 {
        "windows pinned by nobody"
      } else if isIdle && (usage.bytes > limits.bytes || usage.regions > limits.regions) {
        "a budget overshot for nobody"
      } else if statistics.counts.loads - statistics.counts.evictions != usage.regions {
        "loads and evictions that don't add up"
      } else {
        nil
      }
    if let problem { fail("\(problem), \(setup): \(statistics)\n\(usage) \(peak)") }
    if statistics.description.isEmpty { fail("nothing to say") }
  }

  static func checkEmpty(_ statistics: MapStatistics) {
    if statistics.usage.bytes != 0 || statistics.usage.regions != 0 || statistics.cursors != 0
      || statistics.pinned != 0 || statistics.files != 0 || statistics.inFlight != 0
    {
      fail("not empty: \(statistics)\n\(statistics.usage)")
    }
  }
}
