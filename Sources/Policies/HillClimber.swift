/// Finds the size of a window that gives the best hit ratio, from samples of four requests for each region that fits.
///
/// Where a region of the window is hit more often than one of the main space, the window grows, else it shrinks: by 2% of
/// the capacity for each factor of two between them, at most 30%. Both are measured in one sample, so that work that changes
/// from one to the next does not mislead. A small window that is hardly hit tells nothing of a larger one; out of there the
/// climber feels its way: on while the hit ratio gets better from sample to sample, and back when it gets worse. A step is
/// 1/16 of the capacity at first, and 2% shorter each time; where the ratio changes by 5 points or more, the work has
/// changed, and steps are long again.
struct HillClimber: Sendable {
  private var capacity = 1
  private var step = 0.0
  private var previous = 0.0
  private var windowHits = 0
  private var mainHits = 0
  private var misses = 0

  /// Starts anew for another capacity.
  mutating func setCapacity(_ regions: Int) {
    self = HillClimber()
    capacity = max(regions, 1)
    step = longStep
  }

  private var longStep: Double { 0.0625 * Double(capacity) }

  /// Notes a hit.
  mutating func noteHit(inWindow: Bool) {
    if inWindow { windowHits += 1 } else { mainHits += 1 }
  }

  /// Notes a miss, and says by how many regions a window with room for `window` should grow, if a sample ends with it.
  /// Negative to shrink.
  mutating func noteMiss(window: Int) -> Double? {
    misses += 1
    let requests = windowHits + mainHits + misses
    if requests / 4 < capacity { return nil }
    let ratio = Double(windowHits + mainHits) / Double(requests)
    let isBlind = window <= capacity / 4 && 1000 * windowHits < requests
    let amount = isBlind ? feel(ratio - previous) : balance(window)
    previous = ratio
    (windowHits, mainHits, misses) = (0, 0, 0)
    return amount
  }

  /// The next step by how the hit ratio changed.
  private mutating func feel(_ change: Double) -> Double {
    let amount = change >= 0 ? step : -step
    if abs(change) >= 0.05 {
      step = amount < 0 ? -longStep : longStep
    } else {
      step = 0.98 * amount
    }
    return amount
  }

  /// A step towards where a region of the window is hit as often as one of the main space.
  private mutating func balance(_ window: Int) -> Double {
    // When it is blind again, it looks upwards first.
    step = longStep
    // Half a hit more than there were, so that none is 0.
    let ofWindow = (Double(windowHits) + 0.5) / Double(window)
    let ofMain = (Double(mainHits) + 0.5) / Double(max(capacity - window, 1))
    // Straight lines between the powers of two: near enough, and the same on every platform, which a library's log is not.
    let ratio = ofWindow / ofMain
    let doublings = Double(ratio.exponent) + ratio.significand - 1
    return min(max(0.02 * doublings, -0.3), 0.3) * Double(capacity)
  }
}
