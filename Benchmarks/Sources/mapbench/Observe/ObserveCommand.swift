import ArgumentParser
import Glibc
import SlidingMap
import SystemPackage
import Traces

/// `mapbench observe`: how far shadow policies can be trusted, and what observing costs.
struct ObserveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "observe",
    abstract: "Compares the estimates of maps.observe with full replays, and times observation.",
    discussion: """
      Plays traces to a manager that is observed: the windows of a file of holes stand for a trace's regions. An estimate's \
      error is its difference from the miss ratio of that policy alone over the whole trace, in points. Each run takes \
      another file, and so another sample. Without traces only the cost of observation is told, and of recording: that of a \
      use that goes to another of 256 loaded windows.
      """)

  @Argument(help: ArgumentHelp("Traces, as for replay.", valueName: "file"))
  var files: [String] = []
  @Option(help: "Regions that fit: numbers, or shares of the trace's different regions.")
  var capacity = CapacityList.most
  @Option(help: "The share of windows that belong to the sample.")
  var sampling = 0.01
  @Option(help: "The policy in force.")
  var inForce = PolicyName.lru
  @Option(help: "Policies to estimate, separated by commas.")
  var policies = NameList<PolicyName>.all
  @Option(help: "The traces' format.")
  var format: ReplayFormat?
  @Option(help: "Runs, each over another sample.")
  var runs = 9
  @Flag(help: "Print an array of objects instead of a table.")
  var json = false

  func validate() throws {
    guard runs > 0 else { throw ValidationError("--runs is positive") }
    guard sampling > 0, sampling <= 1 else {
      throw ValidationError("--sampling is above 0, at most 1")
    }
  }

  func run() throws {
    Cleanup.onSignals()
    Worker.detach { while true { pause() } }
    let directory = try TemporaryDirectory()
    defer { directory.remove() }
    var estimates: [Estimate] = []
    var names: Set<String> = []
    var notes: [String] = []
    var progress = ProgressBar(total: files.count * capacity.count * runs)
    for file in files {
      progress.show(file)
      var trace = try Trace.named(file, format)
      trace.makeDistinct(from: &names)
      if let note = trace.note(file) { notes.append(note) }
      for regions in capacity.regions(of: trace.regionCount) {
        let full = policies.names.map { name in
          var simulation = PolicySimulation(
            name.make(), capacity: PolicyCapacity(regions: regions))
          simulation.play(trace.requests.span)
          return Double(simulation.misses) / Double(trace.requests.count)
        }
        var reports: [PolicyReport] = []
        for run in 0..<runs {
          progress.show("\(trace.name), \(grouped(regions)) regions")
          let path = directory.path.appending("\(trace.name).\(run)")
          reports.append(try observe(trace, regions, path))
          progress.advance()
        }
        estimates += zip(policies.names.indices, policies.names).map { index, name in
          Estimate(trace, regions, name, full: full[index], reports, index)
        }
      }
    }
    progress.finish()
    notes.forEach(Report.note)
    let costs = try ObservationCost.measure(directory.path)
    if files.isEmpty {
      try Report.print(costs, asJSON: json) { ObservationCost.table(costs) }
    } else {
      try Report.print(estimates, asJSON: json) {
        Estimate.table(estimates) + "\n" + ObservationCost.table(costs)
      }
    }
  }

  private func observe(_ trace: Trace, _ regions: Int, _ path: FilePath) throws -> PolicyReport {
    let windowSize = 4096
    let file = try FileDescriptor.open(
      path, .writeOnly, options: .create, permissions: .ownerReadWrite)
    try file.resize(to: Int64(trace.regionCount * windowSize))
    try file.close()
    let maps = inForce.slidingManager(
      .fixed(regions: regions), windowSize: windowSize, backend: .mmap)
    defer { maps.shutdown() }
    let observation = try maps.observe(
      policies: policies.names.map { $0.make() }, sampling: sampling)
    var cursor = try maps.cursor(for: path)
    for region in trace.requests {
      try cursor.use(at: Int64(region) * Int64(windowSize), count: 1)
      cursor.release()
    }
    return observation.report
  }
}

extension CapacityList {
  /// Where a sample of a hundredth can be expected to tell something.
  static let most = CapacityList(argument: "10%,50%")!
}

extension PolicyName: ExpressibleByArgument {}
