import ArgumentParser

/// `mapbench growth`: does what a manager does take longer where it holds more?
struct GrowthCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "growth",
    abstract: "Measures hits, misses and opening with few and with many regions and files.",
    discussion: """
      Files and memory are there in name only, so that all that is timed is the manager's own. Beside it stands \
      the least that a cache of windows does, with the same accesses: what that takes more at a larger size is the \
      doing of the machine's caches. Rounds go through all sizes in turn and sizes are compared within each. Exits 1 if something takes more than twice what it takes at the smallest size \
      and that. A million regions take some 500 MB.
      """)

  @Option(help: "Policies, separated by commas.")
  var policies = NameList<PolicyName>(argument: "lru,clock,s3fifo")!
  @Option(help: "Numbers of regions, the smallest first.")
  var regions = CountList([100, 10_000, 1_000_000])
  @Option(help: "Numbers of files, the smallest first; the largest is a multiple of the others.")
  var files = CountList([1, 100, 100_000])
  @Option(help: "Handles that a manager of many files may have.")
  var handles = 1_000_000
  @Option(help: "Rounds for each median, at least 5.")
  var rounds = 9
  @Flag(help: "Print an array of objects instead of a table.")
  var json = false

  func validate() throws {
    guard rounds >= 5, handles > 0 else {
      throw ValidationError("--rounds is at least 5, --handles is positive")
    }
    guard files.counts.allSatisfy({ mostFiles % $0 == 0 }) else {
      throw ValidationError("the largest of --files is a multiple of the others")
    }
  }

  private var mostFiles: Int { files.counts.max() ?? 1 }

  func run() throws {
    var progress = ProgressBar(total: policies.names.count * (rounds + 1) * 2)
    var results: [GrowthResult] = []
    for policy in policies.names {
      var byRegions = GrowthSeries<RegionGrowth>()
      for count in regions.counts { byRegions.add(try RegionGrowth(policy, regions: count)) }
      results += try played(&byRegions, policy, "regions", &progress)
    }
    for policy in policies.names {
      var byFiles = GrowthSeries<FileGrowth>()
      for count in files.counts {
        byFiles.add(try FileGrowth(policy, files: count, regions: mostFiles, handles: handles))
      }
      results += try played(&byFiles, policy, "files", &progress)
    }
    progress.finish()
    try Report.print(results, asJSON: json) {
      TextTable(GrowthResult.titles, leftAligned: 2, results.map(\.cells)).render()
    }
    if !results.allSatisfy(\.isGood) { throw ExitCode(1) }
  }

  private func played<Bench: ~Copyable>(
    _ series: inout GrowthSeries<Bench>, _ policy: PolicyName, _ unit: String,
    _ progress: inout ProgressBar
  ) throws -> [GrowthResult] {
    for round in 0...rounds {
      progress.show("\(policy.rawValue), \(unit)")
      try series.play()
      if round == 0 { series.forget() }
      progress.advance()
    }
    return series.results(policy)
  }
}
