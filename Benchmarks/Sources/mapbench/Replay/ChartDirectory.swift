import ArgumentParser
import FoundationEssentials
import SystemPackage
import Traces

/// Where curves of miss ratios go, one file for each trace.
struct ChartDirectory {
  private let path: FilePath

  /// Makes the directory if there is none.
  init(_ path: FilePath) throws {
    self.path = path
    do {
      try FileManager.default.createDirectory(
        atPath: path.string, withIntermediateDirectories: true)
    } catch {
      throw ValidationError("\(path): there is no such directory, and none can be made")
    }
  }

  /// Writes the chart of a trace under its name.
  func draw(_ results: [ReplayResult], of trace: Trace) throws {
    let file = try FileDescriptor.open(
      path.appending(trace.name + ".svg"), .writeOnly, options: [.create, .truncate],
      permissions: [.ownerReadWrite, .groupRead, .otherRead])
    _ = try file.closeAfter { try file.writeAll(Self.chart(results, of: trace).render().utf8) }
  }

  private static func chart(_ results: [ReplayResult], of trace: Trace) -> LineChart {
    let ofPolicies = Dictionary(grouping: results, by: \.policy)
    let series = ofPolicies.map { policy, results in
      let points = results.sorted { $0.capacity < $1.capacity }
        .map { (x: Double($0.capacity), y: $0.missRatio) }
      return LineChart.Series(name: policy, style: style(of: policy), points: points)
    }
    return LineChart(
      title: "\(trace.name): \(grouped(trace.requests.count)) requests",
      xTitle: "regions that fit, of \(grouped(trace.regionCount))", yTitle: "miss ratio",
      // A mark beyond what can be counted stands beyond what was asked for.
      xLabel: { grouped(Int(exactly: $0.rounded()) ?? .max) }, yLabel: percent,
      series: series.sorted { (mean($0), $0.name) > (mean($1), $1.name) })
  }

  private static func percent(_ ratio: Double) -> String {
    let tenths = (ratio * 1000).rounded()
    return "\(fixed(tenths / 10, Int(tenths) % 10 == 0 ? 0 : 1))%"
  }

  private static func mean(_ line: LineChart.Series) -> Double {
    line.points.reduce(0) { $0 + $1.y } / Double(line.points.count)
  }

  /// The same for a policy in every chart.
  private static func style(of policy: String) -> LineStyle {
    let index = PolicyName.allCases.firstIndex { $0.rawValue == policy }
    return index.map(LineStyle.number) ?? .reference
  }
}
