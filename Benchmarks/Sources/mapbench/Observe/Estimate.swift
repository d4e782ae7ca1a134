import SlidingMap
import Traces

/// How near the estimates of one policy's miss ratio came.
struct Estimate: Encodable {
  let trace: String
  let capacity: Int
  let policy: String
  /// Of the policy alone, over the whole trace.
  let missRatio: Double
  /// The estimates' mean.
  let estimated: Double
  /// The root of the mean of the squared differences.
  let error: Double
  let worstError: Double
  /// Windows in the sample, on average.
  let sampledRegions: Int
  let runs: Int

  init(
    _ trace: Trace, _ capacity: Int, _ policy: PolicyName, full: Double,
    _ reports: [PolicyReport], _ index: Int
  ) {
    let ratios = reports.map { $0.policies[index].missRatio ?? 0 }
    self.trace = trace.name
    self.capacity = capacity
    self.policy = policy.rawValue
    missRatio = full
    runs = reports.count
    estimated = ratios.reduce(0, +) / Double(runs)
    error = (ratios.reduce(0) { $0 + ($1 - full) * ($1 - full) } / Double(runs)).squareRoot()
    worstError = ratios.map { abs($0 - full) }.max() ?? 0
    sampledRegions = reports.reduce(0) { $0 + $1.sampledRegions } / runs
  }

  static func table(_ estimates: [Estimate]) -> String {
    var table = TextTable(
      ["policy", "miss ratio", "estimate", "error", "worst of \(estimates[0].runs)"],
      leftAligned: 1)
    var heading = ""
    for estimate in estimates {
      let next =
        "\(estimate.trace): \(grouped(estimate.capacity)) regions, "
        + "\(grouped(estimate.sampledRegions)) in the sample"
      if next != heading { table.heading(next) }
      heading = next
      table.add([
        estimate.policy, "\(fixed(estimate.missRatio * 100, 2))%",
        "\(fixed(estimate.estimated * 100, 2))%", fixed(estimate.error * 100, 2),
        fixed(estimate.worstError * 100, 2),
      ])
    }
    return table.render()
  }
}
