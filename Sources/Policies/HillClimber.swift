/// Finds the size of a window that gives the best hit ratio, by going on while it gets better and back when it gets worse.
///
/// It compares samples of ten requests for each region that fits. A step is 1/16 of the capacity at first, and 2% shorter
/// each time; where the ratio changes by 5 points or more, the work has changed, and steps are long again.
struct HillClimber: Sendable {
  private var capacity = 1
  private var step = 0.0
  private var previous = 0.0
  private var hits = 0
  private var misses = 0

  /// Starts anew for another capacity.
  mutating func setCapacity(_ regions: Int) {
    self = HillClimber()
    capacity = max(regions, 1)
    step = longStep
  }

  private var longStep: Double { 0.0625 * Double(capacity) }

  /// Notes hits.
  mutating func noteHits(_ count: Int) { hits += count }

  /// Notes a miss, and says by how many regions the window should grow, if a sample ends with it. Negative to shrink.
  mutating func noteMiss() -> Double? {
    misses += 1
    let requests = hits + misses
    if requests / 10 < capacity { return nil }
    let ratio = Double(hits) / Double(requests)
    let change = ratio - previous
    let amount = change >= 0 ? step : -step
    if abs(change) >= 0.05 {
      step = amount < 0 ? -longStep : longStep
    } else {
      step = 0.98 * amount
    }
    (previous, hits, misses) = (ratio, 0, 0)
    return amount
  }
}
