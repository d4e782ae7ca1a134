import ArgumentParser

/// `mapbench soak changes`: files that a second process changes, limits that come and go, and faults.
struct ChangesSoakCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "changes",
    abstract: "Reads files while a second process changes them, and checks every byte.",
    discussion: """
      A second process appends to files, replaces them by rename(2), cuts them short, empties and rewrites them, links \
      to them, removes and makes them anew. All threads read them meanwhile in every way there is, through managers that \
      live a few seconds each, with one kind of budget after the other. Limits on descriptors and addresses \
      are lowered to little more than what is in use and raised again, every second. Of every other manager one call \
      of the backend in so many fails.

      Each word of a file tells which file, write and place it is of, and a table that both processes share tells which \
      versions a file had. A lease of several versions is torn: that may be where the file has changed since it was opened \
      or refreshed. Every error must have a cause. No manager may leave anything, and from three minutes on the process \
      may hold no more in the last third of the time than in the first. Exits 1 otherwise, and if nothing goes on for two \
      minutes.
      """)

  @OptionGroup var options: SoakOptions
  @Option(help: "Minutes for each backend.")
  var minutes = 1.0
  @Option(help: "Files, at most 255; most 64 KiB to 2 MiB.")
  var files = 64
  @Option(help: "Changes that the second process makes in a second.")
  var changesPerSecond = 10
  @Option(help: "Of how many calls of a backend one fails; 0 for none.")
  var faults = 10_000

  func validate() throws {
    guard minutes > 0, 1...ContentWords.mostSlots ~= files, 1...1000 ~= changesPerSecond,
      faults >= 0
    else {
      throw ValidationError(
        """
        --minutes is positive, --files is 1 to \(ContentWords.mostSlots), --changes-per-second is 1 to 1000, --faults \
        is not negative
        """)
    }
  }

  func run() throws {
    // The limit on addresses is for what is measured: malloc(3) could not go on at it.
    try Probe.keepHeap(64 << 20)
    Cleanup.onSignals()
    let soak = ChangesSoak(
      files: files, threads: options.threads, changesPerSecond: changesPerSecond,
      faultShare: faults, seed: options.seed)
    let results = try BackendName.chosen(options.backends).map {
      try soak.run($0, seconds: minutes * 60)
    }
    try Report.print(results, asJSON: options.json) {
      TextTable(ChangesSoakResult.titles, leftAligned: 1, results.map(\.cells)).render() + "\n"
        + ChangesSoakResult.errors(results)
    }
    for result in results {
      for complaint in result.complaints {
        Report.note("mapbench: \(result.backend), seed \(result.seed): \(complaint)")
      }
    }
    if !results.allSatisfy(\.isGood) { throw ExitCode(1) }
  }
}
