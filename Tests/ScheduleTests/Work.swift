#if Schedule
  import SlidingMap

  /// What managers did in all schedules of a scenario.
  struct Work: CustomStringConvertible {
    private var counts: [String: Int] = [:]

    mutating func note(_ statistics: MapStatistics) {
      add("hits", statistics.hits)
      add("loads", statistics.loads)
      add("failed loads", statistics.failedLoads)
      add("evictions", statistics.evictions)
      add("overshoots", statistics.overshoots)
      add("takeovers", statistics.takeovers)
      add("copies", statistics.copies)
      add("returns", statistics.returnsToPrimary)
      add("bypasses", statistics.bypasses)
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
