internal import MapProtocols

/// The loads that wait for the thread of a `Populator`, first in, first out.
struct PopulateQueue {
  /// One load and who wants to know of its end.
  struct Job: Sendable {
    var load: RegionLoad
    let completion: @Sendable (RegionLoad) -> Void

    /// Tells of the end.
    func complete() { completion(load) }
  }

  /// Taken ones are nil until all are, or half of them: a completion must not be kept, nor be let go of under a lock.
  private var jobs: [Job?] = []
  private var head = 0
  /// Where those begin that `takeNewcomers` did not tell of.
  private var news = 0

  /// Whether nothing waits.
  var isEmpty: Bool { head == jobs.count }

  /// Adds jobs at the end. O(n).
  mutating func append(_ more: [Job]) {
    jobs.append(contentsOf: more)
  }

  /// The regions of jobs that came since this was last called, in order. O(n).
  mutating func takeNewcomers() -> [ExtentRange] {
    defer { news = jobs.count }
    return jobs[max(news, head)...].compactMap { $0?.load.region }
  }

  /// The job that waited longest. O(1) amortized.
  mutating func popFirst() -> Job? {
    guard head < jobs.count else { return nil }
    let job = jobs[head].take()
    head += 1
    if head * 2 > jobs.count {
      jobs.removeSubrange(..<head)
      news = max(0, news - head)
      head = 0
    }
    return job
  }

  /// All jobs, in order; none is left. O(n).
  mutating func removeAll() -> [Job] {
    let rest = jobs[head...].compactMap { $0 }
    self = PopulateQueue()
    return rest
  }
}
