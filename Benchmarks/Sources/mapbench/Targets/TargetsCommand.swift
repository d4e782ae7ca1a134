import ArgumentParser
import Glibc
import SystemPackage

/// `mapbench targets`: the numbers the design promises, each against its peer in the same run.
struct TargetsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "targets",
    abstract:
      "Measures the promised numbers against their peers; exits 1 if one is missed.",
    discussion: """
      A figure is the median of interleaved pairs, ours and the peer's, with a second thread alive. It needs some \
      21 GB in $TMPDIR and an idle machine: on a busy one look at the spread first. N7 and N14 need fio, N7 io_uring; what \
      can't be measured is skipped, with a line that says why.
      """)

  private static var all: [any Target.Type] {
    [
      N1HeldCursor.self, N2RandomWindows.self, N3Scaling.self, N4NewWindow.self, N5RandomReads.self,
      N6Scan.self,
      N7ColdReads.self, N8ColdPrefetch.self, N9Policies.self, N10SparseTables.self,
      N10ManyFiles.self, N10IdleCursors.self, N11Takeover.self, N12Pressure.self, N13Tails.self,
      N14Warm.self, N17FirstExample.self, N18ShortAddresses.self, N19UserWork.self,
    ]
  }

  @Option(help: "Numbers to measure, separated by commas: N1,N4.")
  var only: String?
  @Option(help: "Pairs for each median, at least 5.")
  var pairs = 9
  @Flag(help: "Print an array of objects instead of a table.")
  var json = false

  func validate() throws {
    guard pairs >= 5 else { throw ValidationError("--pairs is at least 5") }
    _ = try chosen()
  }

  func run() throws {
    Cleanup.onSignals()
    // A process that never had a second thread gets cheaper locks than any real program.
    Worker.detach { while true { pause() } }
    let directory = try TemporaryDirectory()
    defer { directory.remove() }
    let bench = Workbench(directory: directory.path, rounds: pairs)
    let targets = try chosen()
    var progress = ProgressBar(total: targets.count)
    var results: [TargetResult] = []
    for target in targets {
      progress.show(target.number)
      results += try target.measure(bench)
      progress.advance()
    }
    progress.finish()
    for line in bench.skipped { Report.note(line) }
    try Report.print(results, asJSON: json) {
      if results.isEmpty { return "" }
      let table = TextTable(TargetResult.titles, leftAligned: 2, results.map(\.cells))
      let notes = results.compactMap { result in result.note.map { "\(result.name): \($0)\n" } }
      return table.render() + notes.joined()
    }
    if !results.allSatisfy(\.met) { throw ExitCode(1) }
  }

  private func chosen() throws -> [any Target.Type] {
    guard let only else { return Self.all }
    let numbers = only.uppercased().split(separator: ",").map(String.init)
    if let unknown = numbers.first(where: { number in !Self.all.contains { $0.number == number } })
    {
      throw ValidationError("\(unknown) is none of the numbers measured here")
    }
    return Self.all.filter { numbers.contains($0.number) }
  }
}
