import FoundationEssentials

/// What came of one backend.
struct SoakResult: Encodable {
  let backend: String
  /// Windows loaded by threads and by tasks.
  var loads = 0
  /// Words that were not those of the file, and uses that failed.
  var wrong = 0
  /// Tasks that ended by being cancelled.
  var cancelled = 0
  var tasks = 0
  /// Left in the manager when all had ended.
  var pinned = 0
  var inFlight = 0
  var cursors = 0
  /// CPU time that the idle process took, the manager and its ring still there.
  var idleMilliseconds = 0.0
  var before = ProcessCounts()
  /// When the manager was gone.
  var after = ProcessCounts()
  var seconds = 0.0

  var isGood: Bool {
    wrong == 0 && cancelled == tasks && pinned + inFlight + cursors == 0 && after <= before
  }

  static let titles = [
    "backend", "loads", "wrong", "cancelled", "pinned", "in flight", "cursors", "idle CPU",
    "descriptors", "maps", "threads", "time", "verdict",
  ]

  var cells: [String] {
    [
      backend, grouped(loads), grouped(wrong), "\(cancelled)/\(tasks)", grouped(pinned),
      grouped(inFlight), grouped(cursors), "\(fixed(idleMilliseconds, 1)) ms",
      "\(before.descriptors) to \(after.descriptors)", "\(before.maps) to \(after.maps)",
      "\(before.threads) to \(after.threads)", "\(fixed(seconds, 1)) s", isGood ? "ok" : "FAILED",
    ]
  }
}

/// What the kernel counts of a process.
struct ProcessCounts: Encodable {
  var descriptors = 0
  /// But for the stacks of threads and the heaps of the C library, which come and go as it likes.
  var maps = 0
  var threads = 0

  /// Counts them now.
  static func current() -> ProcessCounts {
    ProcessCounts(
      descriptors: entries(of: "/proc/self/fd"), maps: countMaps(),
      threads: entries(of: "/proc/self/task"))
  }

  /// Stacks and heaps lie beside a part that nobody may touch.
  private static func countMaps() -> Int {
    let lines = (SystemText.read("/proc/self/maps") ?? "").split(separator: "\n")
    // "7fd40c037000-7fd410000000 ---p 00000000 00:00 0"
    let maps = lines.map { line in
      let fields = line.split(separator: " ", maxSplits: 2)
      let ends = fields[0].split(separator: "-")
      return (start: ends[0], end: ends[1], isBarred: fields[1].hasPrefix("---"))
    }
    return maps.indices.count { index in
      let map = maps[index]
      if map.isBarred { return false }
      let isAfterOne = index > 0 && maps[index - 1].isBarred && maps[index - 1].end == map.start
      let next = index + 1
      let isBeforeOne = next < maps.count && maps[next].isBarred && maps[next].start == map.end
      return !isAfterOne && !isBeforeOne
    }
  }

  private static func entries(of directory: String) -> Int {
    (try? FileManager.default.contentsOfDirectory(atPath: directory))?.count ?? 0
  }

  /// Whether there is no more of anything.
  static func <= (left: ProcessCounts, right: ProcessCounts) -> Bool {
    left.descriptors <= right.descriptors && left.maps <= right.maps
      && left.threads <= right.threads
  }
}
