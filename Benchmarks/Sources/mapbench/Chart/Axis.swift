import Glibc

/// How values become places along one side of a chart, and which of them are marked.
struct Axis {
  let range: ClosedRange<Double>
  let isLogarithmic: Bool
  let ticks: [Double]

  /// From 0 to a round number at or above `most`.
  static func linear(upTo most: Double) -> Axis {
    let step = roundStep(below: max(most, 1e-9) / 4)
    let count = Int((most / step).rounded(.up))
    let ticks = (0...max(count, 1)).map { Double($0) * step }
    return Axis(range: 0...(ticks.last ?? step), isLogarithmic: false, ticks: ticks)
  }

  /// Over the values, of which there is at least one, all positive.
  static func logarithmic(_ values: [Double]) -> Axis {
    var (low, high) = (values.min() ?? 1, values.max() ?? 1)
    // One value alone stands in the middle.
    if low == high { (low, high) = (low / 2, high * 2) }
    let decades = Int(log10(low).rounded(.down))...Int(log10(high).rounded(.down))
    var ticks: [Double] = []
    for factors in [[1.0, 2, 5], [1]] {
      ticks = decades.flatMap { decade in factors.map { $0 * pow(10, Double(decade)) } }
        .filter { (low...high).contains($0) }
      if ticks.count <= 10 { break }
    }
    return Axis(range: low...high, isLogarithmic: true, ticks: ticks)
  }

  /// Where a value lies: 0 at the beginning, 1 at the end.
  func place(_ value: Double) -> Double {
    let (low, high) = (range.lowerBound, range.upperBound)
    if isLogarithmic { return log(value / low) / log(high / low) }
    return (value - low) / (high - low)
  }

  /// The largest of 1, 2 and 5 times a power of ten that is not above `bound`.
  private static func roundStep(below bound: Double) -> Double {
    let power = pow(10, log10(bound).rounded(.down))
    return ([5, 2, 1].first { $0 * power <= bound } ?? 1) * power
  }
}
