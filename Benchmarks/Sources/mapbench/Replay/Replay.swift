import HeapModule
import Traces

/// What the best of all policies would make of a trace.
enum Replay {
  /// The fewest misses there can be: what is used again last, or never, leaves. L. A. Belady, "A study of replacement
  /// algorithms for a virtual-storage computer", IBM Systems Journal 5 (2), 1966. O(n log n).
  static func optimum(of trace: Trace, capacity: Int) -> Int {
    // When each request's region is requested again.
    var next = [Int32](repeating: .max, count: trace.requests.count)
    var seen = [Int32](repeating: .max, count: trace.regionCount)
    for index in trace.requests.indices.reversed() {
      next[index] = seen[Int(trace.requests[index])]
      seen[Int(trace.requests[index])] = Int32(index)
    }
    // What `again` says no longer is left in the heap until it comes up.
    var again = [Int32](repeating: -1, count: trace.regionCount)
    var latest = Heap<Use>()
    var (misses, loaded) = (0, 0)
    for (index, region) in trace.requests.enumerated() {
      if again[Int(region)] < 0 {
        misses += 1
        if loaded == capacity {
          while let use = latest.popMax() {
            if again[Int(use.region)] != use.time { continue }
            again[Int(use.region)] = -1
            break
          }
        } else {
          loaded += 1
        }
      }
      again[Int(region)] = next[index]
      latest.insert(Use(time: next[index], region: region))
    }
    return misses
  }

  private struct Use: Comparable {
    let time: Int32
    let region: Int32
    static func < (left: Use, right: Use) -> Bool { left.time < right.time }
  }
}
