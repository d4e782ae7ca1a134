import ArgumentParser
import SlidingMap
import SystemPackage

/// `mapbench replay`: a trace of your own through every policy.
struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Plays traces to policies and tells how far each is from the optimum.",
    discussion: """
      A trace is a text file with a whole number a line, the region that was asked for; - reads standard input, so that \
      compressed ones come through zcat. Regions have one size. The optimum is Belady's, which knows the future: no policy \
      misses less. Requests a second are those of the policy alone, the trace in memory, the best of so many runs.
      """)

  @Argument(help: ArgumentHelp("Traces.", valueName: "file"))
  var files: [String]
  @Option(
    help:
      "Regions that fit: numbers, or shares of the trace's different regions; separated by commas.")
  var capacities = CapacityList.usual
  @Option(help: "Policies, separated by commas.")
  var policies = NameList<PolicyName>.all
  @Option(help: "Runs of each; the fastest is told.")
  var runs = 1
  @Flag(help: "Print an array of objects instead of a table.")
  var json = false

  func validate() throws {
    guard runs > 0 else { throw ValidationError("--runs is positive") }
  }

  func run() throws {
    var results: [ReplayResult] = []
    var progress = ProgressBar(total: files.count)
    for file in files {
      progress.show(file)
      let trace: Trace
      do {
        trace = try Trace(FilePath(file))
      } catch let error as TraceError {
        throw ValidationError("\(file): \(error)")
      }
      guard !trace.requests.isEmpty else { throw ValidationError("\(file) has no requests") }
      for capacity in capacities.regions(of: trace.regionCount) {
        let optimum = Replay.optimum(of: trace, capacity: capacity)
        results += policies.names.map { play(trace, capacity, $0, optimum) }
        results.append(
          ReplayResult(trace, capacity, "belady", misses: optimum, optimum, seconds: nil))
      }
      progress.advance()
    }
    progress.finish()
    if json {
      try Report.json(results)
    } else {
      Report.print(ReplayResult.table(results))
    }
  }

  private func play(
    _ trace: Trace, _ capacity: Int, _ name: PolicyName, _ optimum: Int
  ) -> ReplayResult {
    var misses = 0
    var best = Double.infinity
    for _ in 0..<runs {
      var simulation = PolicySimulation(
        name.make(), capacity: PolicyCapacity(regions: capacity))
      best = min(best, seconds { misses = simulation.play(trace.requests.span) })
    }
    return ReplayResult(
      trace, capacity, name.rawValue, misses: misses, optimum, seconds: best)
  }
}

/// Capacities after one option: "1000,10%".
struct CapacityList: ExpressibleByArgument, Sendable {
  private enum Capacity: Sendable {
    case regions(Int)
    /// In millionths of the different regions.
    case share(Int)
  }

  private let text: String
  private let capacities: [Capacity]

  static let usual = CapacityList(
    text: "0.1%,1%,10%,50%",
    capacities: [.share(1_000), .share(10_000), .share(100_000), .share(500_000)])

  private init(text: String, capacities: [Capacity]) {
    self.text = text
    self.capacities = capacities
  }

  init?(argument: String) {
    text = argument
    var capacities: [Capacity] = []
    for part in argument.split(separator: ",") {
      if part.hasSuffix("%") {
        guard let percent = Double(part.dropLast()), percent > 0, percent <= 100 else { return nil }
        capacities.append(.share(Int((percent * 10_000).rounded())))
      } else {
        guard let regions = Int(part), regions > 0 else { return nil }
        capacities.append(.regions(regions))
      }
    }
    guard !capacities.isEmpty else { return nil }
    self.capacities = capacities
  }

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

  var defaultValueDescription: String { text }
}
