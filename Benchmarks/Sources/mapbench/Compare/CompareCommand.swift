import ArgumentParser
import SlidingMap
import SystemPackage

/// `mapbench compare`: every backend and policy over every workload, beside a raw mapping and pread.
struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Compares managers and policies with a raw mapping and pread over several workloads.",
    discussion: """
      Without arguments it makes 256 MiB of files in a temporary directory, reads them in about a minute, \
      and takes them away again. Exits 1 if any row read other bytes than the rest.
      """)

  @Option(help: ArgumentHelp("Read the largest files under this directory.", valueName: "dir"))
  var files: String?
  @Option(
    help: "Threads that read at once, with cursors of their own; the rate is theirs together.")
  var threads = 1
  @Option(help: "The seed of content and accesses.")
  var seed: UInt64 = 1
  @Option(help: "Backends, separated by commas; those this machine has if left out.")
  var backends: NameList<BackendName>?
  @Option(help: "Policies, separated by commas; if left out one of each kind for maps, else lru.")
  var policies: NameList<PolicyName>?
  @Option(help: "Workloads, separated by commas.")
  var workloads = NameList<Workload>.all
  @Option(help: "Bytes that a manager may keep loaded.")
  var budget = ByteSize(64 << 20)
  @Option(help: "The size of a window.")
  var window = ByteSize(SlidingWindowMapManager.defaultWindowSize)
  @Flag(
    help: "Compare with the windows of libgit2 and of Python's smmap, too, where these are found.")
  var peers = false
  @Flag(help: "Print an array of objects instead of a table.")
  var json = false

  func validate() throws {
    guard (1...64).contains(threads) else { throw ValidationError("--threads is 1 to 64") }
    guard threads == 1 || !peers else { throw ValidationError("--peers run on one thread") }
    guard window.bytes % Corpus.pageSize == 0 else {
      throw ValidationError("--window is a multiple of \(Corpus.pageSize)")
    }
    guard budget.bytes >= window.bytes * threads else {
      throw ValidationError("--budget holds at least one window a thread")
    }
  }

  func run() throws {
    let available = try BackendName.chosen(backends)
    Cleanup.onSignals()
    let directory = try TemporaryDirectory()
    defer { directory.remove() }
    let corpus =
      try files.map { try Corpus(FileTree.files(under: FilePath($0))) }
      ?? Corpus.make(in: directory.path, byteCount: 256 << 20, seed: seed)
    try corpus.warm()
    let peers = try peers ? Peer.found(in: directory.path) : []
    let runner = CompareRunner(
      corpus: corpus, budget: budget.bytes, windowSize: window.bytes, threads: threads, seed: seed)
    let subjects = Subject.all(available, policies?.names)
    var progress = ProgressBar(total: workloads.names.count * (subjects.count + peers.count))
    if !json {
      Report.print(
        "\(corpus.files.count) files of \(ByteSize.text(corpus.byteCount)), budget \(budget), "
          + "window \(window), \(threads) thread\(threads == 1 ? "" : "s"), seed \(seed)\n")
    }
    var table = TextTable(CompareRow.titles, leftAligned: 2)
    var all: [CompareRow] = []
    var failures: [CommandFailure] = []
    for workload in workloads.names {
      let accesses = runner.accesses(workload)
      var rows: [CompareRow] = []
      var remarks: [String] = []
      for subject in subjects {
        progress.show("\(workload.rawValue), \(subject.backend) \(subject.policy)")
        rows.append(
          try runner.run(workload, subject, accesses, isShort: subject.isAnonymous))
        progress.advance()
      }
      for peer in peers {
        progress.show("\(workload.rawValue), \(peer.name)")
        do {
          rows.append(try runner.run(workload, peer, accesses[0], in: directory.path))
        } catch let failure as CommandFailure {
          remarks.append("\(peer.name)  FAILED: \(failure.reason)")
          failures.append(failure)
        }
        progress.advance()
      }
      let short =
        rows.contains(where: \.isShort)
        ? try runner.run(workload, .pread, accesses, isShort: true).checksum : nil
      Self.judge(&rows, short: short)
      table.heading(workload.summary(runner.shape))
      for row in rows { table.add(row.cells) }
      for remark in remarks { table.remark(remark) }
      all += rows
    }
    progress.finish()
    try Report.print(all, asJSON: json) { table.render() }
    try judge(all, failures)
  }

  /// Ends the command with a failure where there is one.
  private func judge(_ rows: [CompareRow], _ failures: [CommandFailure]) throws {
    guard rows.allSatisfy(\.isCorrect) else {
      Report.note("mapbench: rows marked DIFFERENT read other bytes than pread did")
      throw ExitCode(1)
    }
    if let failure = failures.first {
      if json { Report.note("mapbench: a peer failed: \(failure)") }
      throw ExitCode(1)
    }
  }

  /// Marks the rows whose words were not those of pread, which alone shares nothing with a manager.
  ///
  /// - Parameter short: pread's checksum over the accesses of backends that copy.
  private static func judge(_ rows: inout [CompareRow], short: String?) {
    let truth = rows.first { $0.backend == Subject.pread.backend }?.checksum
    for index in rows.indices {
      rows[index].isCorrect = rows[index].checksum == (rows[index].isShort ? short : truth)
    }
  }
}
