import ArgumentParser

/// `mapbench growth`: does what a manager does take longer where it holds more?
struct GrowthCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "growth",
    abstract: "Measures hits, misses and opening with few and with many regions and files.",
    discussion: """
      Files and memory are there in name only, so that all that is timed is the manager's own. Beside it stands \
      the least that a cache of windows does, with the same accesses: what that takes more at a larger size is the \
      doing of the machine's caches. Exits 1 if something takes more than twice what it takes at the smallest size \
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
  var rounds = 5
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
    var progress = ProgressBar(
      total: policies.names.count * (regions.counts.count + files.counts.count))
    var results: [GrowthResult] = []
    for policy in policies.names {
      for count in regions.counts {
        progress.show("\(policy.rawValue), \(grouped(count)) regions")
        results += try measure(policy, regions: count)
        progress.advance()
      }
      for count in files.counts {
        progress.show("\(policy.rawValue), \(grouped(count)) files")
        results += try measure(policy, files: count)
        progress.advance()
      }
    }
    progress.finish()
    results = GrowthResult.compared(results)
    try Report.print(results, asJSON: json) {
      TextTable(GrowthResult.titles, leftAligned: 2, sorted(results).map(\.cells)).render()
    }
    if !results.allSatisfy(\.isGood) { throw ExitCode(1) }
  }

  private func measure(_ policy: PolicyName, regions count: Int) throws -> [GrowthResult] {
    var bench = try RegionGrowth(policy, regions: count)
    var (hit, free, full) = (GrowthResult.Times(), GrowthResult.Times(), GrowthResult.Times())
    // The first round grows what grows once.
    for round in 0...rounds {
      try bench.round(&hit, &free, &full)
      if round == 0 { (hit, free, full) = (.init(), .init(), .init()) }
    }
    return [("hit", hit), ("miss, room", free), ("miss, eviction", full)].map {
      GrowthResult(policy, $0, count, "region", $1)
    }
  }

  private func measure(_ policy: PolicyName, files count: Int) throws -> [GrowthResult] {
    var bench = try FileGrowth(policy, files: count, regions: mostFiles, handles: handles)
    var (hit, miss) = (GrowthResult.Times(), GrowthResult.Times())
    var (open, new, collect) = (hit, hit, hit)
    for round in 0...rounds {
      try bench.round(&hit, &miss, &open, &new, &collect)
      if round == 0 {
        (hit, miss) = (.init(), .init())
        (open, new, collect) = (hit, hit, hit)
      }
    }
    return [
      ("hit", hit), ("miss, room", miss), ("open, known", open), ("open, new", new),
      ("collect", collect),
    ].map {
      GrowthResult(policy, $0, count, "file", $1)
    }
  }

  /// Sizes of one operation under one another.
  private func sorted(_ results: [GrowthResult]) -> [GrowthResult] {
    var seen: [String] = []
    for result in results where !seen.contains(result.group) { seen.append(result.group) }
    return seen.flatMap { group in results.filter { $0.group == group } }
  }
}
