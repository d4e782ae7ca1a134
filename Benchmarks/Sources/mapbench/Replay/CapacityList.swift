import ArgumentParser

/// Capacities after one option: "1000,10%".
struct CapacityList: ExpressibleByArgument, Sendable {
  private enum Capacity: Sendable {
    case regions(Int)
    /// In millionths of the different regions.
    case share(Int)
  }

  private let capacities: [Capacity]

  /// For a table.
  static let few = CapacityList(percents: [0.1, 1, 10, 50])
  /// For a curve: about even steps on a logarithmic scale.
  static let dense = CapacityList(
    percents: [0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 15, 20, 30, 40, 50, 70, 85])

  private init(percents: [Double]) {
    capacities = percents.map(Self.share)
  }

  init?(argument: String) {
    var capacities: [Capacity] = []
    for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
      if part.hasSuffix("%") {
        guard let percent = Double(part.dropLast()), percent > 0, percent <= 100 else { return nil }
        capacities.append(Self.share(percent))
      } else {
        guard let regions = Int(part), regions > 0 else { return nil }
        capacities.append(.regions(regions))
      }
    }
    self.capacities = capacities
  }

  private static func share(_ percent: Double) -> Capacity {
    .share(Int((percent * 10_000).rounded()))
  }

  /// How many there are at most for a trace.
  var count: Int { capacities.count }

  /// For a trace with so many different regions; whole regions, at least one, each capacity once.
  func regions(of count: Int) -> [Int] {
    var found: [Int] = []
    for capacity in capacities {
      let regions =
        switch capacity {
        case .regions(let regions): regions
        case .share(let millionths): max(count * millionths / 1_000_000, 1)
        }
      if !found.contains(regions) { found.append(regions) }
    }
    return found
  }
}
