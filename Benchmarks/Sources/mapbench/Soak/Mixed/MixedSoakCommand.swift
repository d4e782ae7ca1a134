import ArgumentParser

/// `mapbench soak mixed`: everything a manager can do, from many threads, over files that change.
struct MixedSoakCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mixed",
    abstract: "Does everything a manager can at random, and checks every byte.",
    discussion: """
      All threads do so many operations each: most are uses of random bytes, the others all else that cursors, \
      buffers and managers do, policies swapped in turns, files that grow and files that are replaced. The budget \
      is a tenth of the files. Every byte given is compared with what the file has there; at the end nothing may \
      be left of the manager. The only error allowed is .fileChanged, of a file that was changed or replaced after \
      it was opened. Exits 1 otherwise. A tenth of the operations, done before the first count, lets the C library \
      and the language's runtime keep what they keep.
      """)

  @OptionGroup var options: SoakOptions
  @Option(help: "Operations of each thread.")
  var operations = 10_000_000
  @Option(help: "Files, at least 10; some 2 MiB each on average, and growing.")
  var files = 200

  func validate() throws {
    guard operations > 0, files >= 10 else {
      throw ValidationError("--operations is positive, --files is at least 10")
    }
  }

  func run() throws {
    Cleanup.onSignals()
    let chosen = try BackendName.chosen(options.backends)
    let directory = try TemporaryDirectory()
    defer { directory.remove() }
    let soak = try MixedSoak(
      in: directory.path, files: files, threads: options.threads, seed: options.seed)
    var results: [MixedSoakResult] = []
    for backend in chosen {
      let first = try soak.run(backend, operations: min(operations / 10 + 1, 50_000))
      if first.wrong > 0 { results.append(first) }
      results.append(try soak.run(backend, operations: operations))
    }
    try Report.print(results, asJSON: options.json) {
      TextTable(MixedSoakResult.titles, leftAligned: 1, results.map(\.cells)).render() + "\n"
        + MixedSoakResult.counts(results)
    }
    for result in results {
      if let problem = result.firstProblem {
        Report.note("mapbench: \(result.backend), seed \(result.seed): \(problem)")
      }
    }
    if !results.allSatisfy(\.isGood) { throw ExitCode(1) }
  }
}
