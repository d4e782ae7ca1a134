import BenchmarkSupport
import Glibc

/// Draws ranks 0..<count, rank r with a weight of 1 / (r + 1)^exponent.
struct ZipfSampler {
  private var cumulative: [Double] = []

  init(count: Int, exponent: Double = 0.99) {
    cumulative.reserveCapacity(count)
    var total = 0.0
    for rank in 0..<count {
      total += pow(Double(rank + 1), -exponent)
      cumulative.append(total)
    }
  }

  /// The first rank whose cumulative weight is above a random point. O(log n).
  func draw(_ generator: inout SeededGenerator) -> Int {
    let point = generator.fraction() * (cumulative.last ?? 0)
    var low = 0
    var high = cumulative.count - 1
    while low < high {
      let middle = (low + high) / 2
      if cumulative[middle] > point { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
