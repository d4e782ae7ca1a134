import ArgumentParser
import SystemPackage

/// `mapbench soak loads`: many loads from many threads, cancelled tasks, and a count of what is left.
struct LoadSoakCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "loads",
    abstract: "Loads windows from many threads and cancelled tasks, and counts what is left.",
    discussion: """
      Each backend is used at random by all threads, over files many times as large as the budget, until enough windows \
      were loaded; then tasks read ahead and are cancelled in the middle of it. Every word is checked. Afterwards \
      nothing may be pinned or under way, the idle process is watched for CPU time, and when the manager is gone, \
      descriptors, maps and threads must be as many as before. A short round before the first count lets the C library \
      and the language's runtime keep what they keep. Exits 1 if a word was wrong or something was left.
      """)

  @OptionGroup var options: SoakOptions
  @Option(help: "Windows to be loaded by each backend.")
  var loads = 1_000_000
  @Option(help: "Tasks that are cancelled.")
  var tasks = 200
  @Option(help: "Seconds for which the idle process is watched.")
  var idle = 5

  func validate() throws {
    guard loads > 0, tasks >= 0, idle >= 0 else {
      throw ValidationError("--loads is positive, --tasks and --idle not negative")
    }
  }

  func run() throws {
    Cleanup.onSignals()
    let chosen = try BackendName.chosen(options.backends)
    let directory = try TemporaryDirectory()
    defer { directory.remove() }
    let soaker = try LoadSoak(in: directory.path, seed: options.seed)
    var progress = ProgressBar(total: chosen.count)
    var results: [LoadSoakResult] = []
    for backend in chosen {
      progress.show(backend.rawValue)
      _ = try soaker.run(
        backend, loads: loads / 10, threads: options.threads, tasks: tasks, idle: 0)
      results.append(
        try soaker.run(backend, loads: loads, threads: options.threads, tasks: tasks, idle: idle))
      progress.advance()
    }
    progress.finish()
    try Report.print(results, asJSON: options.json) {
      TextTable(LoadSoakResult.titles, leftAligned: 1, results.map(\.cells)).render()
    }
    if !results.allSatisfy(\.isGood) { throw ExitCode(1) }
  }
}
