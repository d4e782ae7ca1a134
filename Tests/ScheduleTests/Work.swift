#if Schedule
  import SlidingMap

  /// What managers did in all schedules of a scenario.
  struct Work: CustomStringConvertible {
    private var counts: [String: Int] = [:]

    mutating func note(_ statistics: MapStatistics) {
      add("hits", statistics.counts.hits)
      add("loads", statistics.counts.loads)
      add("failed loads", statistics.counts.failedLoads)
      add("evictions", statistics.counts.evictions)
      add("overshoots", statistics.counts.overshoots)
      add("takeovers", statistics.counts.takeovers)
      add("copies", statistics.counts.copies)
      add("returns", statistics.counts.returnsToPrimary)
      add("bypasses", statistics.counts.bypasses)
      add("missing pages", statistics.counts.faults)
    }

    private mutating func add(_ name: String, _ count: Int) {
      if count > 0 { counts[name, default: 0] += count }
    }

    static func += (sum: inout Work, other: Work) {
      for (name, count) in other.counts { sum.add(name, count) }
    }

    var description: String {
      counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    }
  }
#endif
