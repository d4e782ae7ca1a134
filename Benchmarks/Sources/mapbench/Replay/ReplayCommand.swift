import ArgumentParser
import BenchmarkSupport
import SlidingMap
import SystemPackage
import Traces

/// `mapbench replay`: a trace of your own through every policy.
struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Plays traces to policies and tells how far each is from the optimum.",
    discussion: """
      A trace is a text file with a whole number a line, the region that was asked for, a recording of a program's own \
      accesses (maps.recordTrace), or a file in libCacheSim's binary format oracleGeneral; each may be gzipped, in any \
      number of members, with zeros behind them but nothing else. Other packed ones come through a pipe: \
      zstd -dc x.oracleGeneral.zst | mapbench replay --format oracleGeneral -

      A trace that was cut short is played as far as it goes: a line on standard error says after how many requests it \
      ends, and the exit code is 0. One that is damaged, or no trace at all, is played not at all: standard error has its \
      path and the place, and the exit code is 1. A text that was cut within its last number looks like a whole one, and \
      in oracleGeneral nothing tells of damage.

      A trace goes by its file's name; a second one of the same name gets -2 behind it, and so on. Regions have one size. \
      The optimum, belady, knows the future: no policy misses less. It is always told. Requests a second are those of the \
      policy alone, the trace in memory, on one thread, the best of so many runs.
      """)

  @Argument(help: ArgumentHelp("Traces; - is standard input.", valueName: "file"))
  var files: [String]
  @Option(
    help: """
      Regions that fit: numbers, or shares of the trace's different regions, separated by commas. (default: \
      0.1%,1%,10%,50%, with --svg twenty from 0.1% to 85%)
      """)
  var capacity: CapacityList?
  @Option(help: "Policies, separated by commas.")
  var policies = NameList<ReplaySubject>.all
  @Option(
    help:
      "The traces' format; by default as they begin, oracleGeneral for files so named, else text.")
  var format: ReplayFormat?
  @Option(help: "Runs of each; the fastest is told.")
  var runs = 1
  @Option(
    help: ArgumentHelp(
      "Draw a curve of miss ratios for each trace into this directory.", valueName: "directory"))
  var svg: String?
  @Flag(help: "Print an array of objects instead of a table.")
  var json = false

  func validate() throws {
    guard runs > 0 else { throw ValidationError("--runs is positive") }
  }

  func run() throws {
    let capacities = capacity ?? (svg == nil ? .few : .dense)
    let subjects = policies.names.filter { $0 != .belady } + [.belady]
    let charts = try svg.map { try ChartDirectory(FilePath($0)) }
    var results: [ReplayResult] = []
    var names: Set<String> = []
    var notes: [String] = []
    var progress = ProgressBar(total: files.count * capacities.count * subjects.count)
    for file in files {
      progress.show(file)
      var trace = try Trace.named(file, format)
      trace.makeDistinct(from: &names)
      if let note = trace.note(file) { notes.append(note) }
      let regions = capacities.regions(of: trace.regionCount)
      var ofTrace: [ReplayResult] = []
      for capacity in regions {
        let optimum = Replay.optimum(of: trace, capacity: capacity)
        for subject in subjects {
          progress.show("\(trace.name), \(grouped(capacity)) regions, \(subject.rawValue)")
          ofTrace.append(play(trace, capacity, subject, optimum))
          progress.advance()
        }
      }
      // Shares that gave the same number of regions were played once.
      progress.advance(by: (capacities.count - regions.count) * subjects.count)
      try charts?.draw(ofTrace, of: trace)
      results += ofTrace
    }
    progress.finish()
    notes.forEach(Report.note)
    try Report.print(results, asJSON: json) { ReplayResult.table(results) }
  }

  private func play(
    _ trace: Trace, _ capacity: Int, _ subject: ReplaySubject, _ optimum: Int
  ) -> ReplayResult {
    var misses = optimum
    var best: Double?
    if case .policy(let name) = subject {
      for _ in 0..<runs {
        var simulation = PolicySimulation(
          name.make(), capacity: PolicyCapacity(regions: capacity))
        let time = seconds { misses = simulation.play(trace.requests.span) }
        best = min(best ?? time, time)
      }
    }
    return ReplayResult(
      trace, capacity, subject.rawValue, misses: misses, optimum, seconds: best)
  }
}
