import ArgumentParser
import Glibc
import SystemPackage

/// `mapbench workloads`: what users do, through the library as it comes and without it.
struct WorkloadsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "workloads",
    abstract:
      "Does what users do, through the library and in other ways: times beside the best other way.",
    discussion: """
      Many small files, binary search in a file larger than the budget, a cold scan, and search for words, all through \
      managers with their defaults. Ways take turns and come to the same sum; times are medians. It needs some 10 GB in \
      $TMPDIR, on a disk, and memory to hold 4 GiB of them in the page cache.
      """)

  @Option(help: "Rounds for each median.")
  var rounds = 5
  @Option(help: "Files and budgets of so much of their size, 0.01 to 1.")
  var scale = 1.0
  @Flag(help: "Print an array of objects instead of a table.")
  var json = false

  func validate() throws {
    guard rounds > 0 else { throw ValidationError("--rounds is positive") }
    guard 0.01...1 ~= scale else { throw ValidationError("--scale is 0.01 to 1") }
  }

  func run() throws {
    Cleanup.onSignals()
    Worker.detach { while true { pause() } }
    let directory = try TemporaryDirectory()
    defer { directory.remove() }
    let works = try UserWork.all(in: directory.path, scale: scale)
    var progress = ProgressBar(total: works.count)
    var results: [WorkloadResult] = []
    for work in works {
      let times = try work.measure(rounds: rounds) { progress.show($0) }
      results += WorkloadResult.results(work, times)
      progress.advance()
    }
    progress.finish()
    try Report.print(results, asJSON: json) { WorkloadResult.table(results) }
  }
}
