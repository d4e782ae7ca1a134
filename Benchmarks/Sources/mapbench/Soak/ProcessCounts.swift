import FoundationEssentials

/// What the kernel counts of a process.
struct ProcessCounts: Encodable {
  var descriptors = 0
  /// But for the stacks of threads and the heaps of the C library, which come and go as it likes.
  var maps = 0
  /// But for those on which the language's runtime runs tasks.
  var threads = 0

  /// Counts them now.
  static func current() -> ProcessCounts {
    ProcessCounts(
      descriptors: entries(of: "/proc/self/fd"), maps: countMaps(),
      threads: countThreads())
  }

  private static func countThreads() -> Int {
    let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
    return numbers.count { number in
      // Those of Dispatch are called "root.default-qos" and the like, cut at the front.
      SystemText.read("/proc/self/task/\(number)/comm").map { !$0.contains("-qos") } ?? false
    }
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

  /// Whether there is no more of anything; of maps in the thread sanitizer's build there is, for it has its own.
  static func <= (left: ProcessCounts, right: ProcessCounts) -> Bool {
    #if SLIDING_MAP_CANARY
      let isMapped = true
    #else
      let isMapped = left.maps <= right.maps
    #endif
    return left.descriptors <= right.descriptors && isMapped && left.threads <= right.threads
  }
}
