import ArgumentParser
import BenchmarkSupport
import SystemPackage

/// `mapbench verify`: every byte of real files, under a budget that does not hold them.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Compares every byte of every file with what pread gives, and watches memory.",
    discussion: """
      Reads all regular files under a directory (symbolic links are not followed) through each backend and policy: front \
      to back, and in random order by blocks that cross windows. Bytes are compared by memcmp and by digest. The process's \
      own RssFile and RssAnon may rise above their start by the budget and \(ByteSize.text(Verifier.slack)). Exits 1 on \
      any difference, error or excess. Files must not change meanwhile.
      """)

  @Option(help: ArgumentHelp("The directory to read.", valueName: "dir"))
  var files: String
  @Option(help: "Bytes that a manager may keep loaded.")
  var budget = ByteSize(64 << 20)
  @Option(help: "The size of a window.")
  var window = ByteSize(1 << 20)
  @Option(help: "Backends, separated by commas; those this machine has if left out.")
  var backends: NameList<BackendName>?
  @Option(help: "Policies, separated by commas; if left out one of each kind for mmap, else lru.")
  var policies: NameList<PolicyName>?
  @Option(help: "The seed of the random order.")
  var seed: UInt64 = 1
  @Flag(help: "Drop the files from the page cache before each backend and policy.")
  var cold = false
  @Flag(help: "Print an array of objects instead of a table.")
  var json = false

  func validate() throws {
    guard window.bytes % 4096 == 0 else {
      throw ValidationError("--window is a multiple of 4096")
    }
    guard budget.bytes >= window.bytes * 2 + Verifier.blockSize else {
      throw ValidationError("--budget holds at least two windows and a block of the random pass")
    }
  }

  func run() throws {
    let found = try FileTree.files(under: FilePath(files)).filter { $0.size > 0 }
    guard !found.isEmpty else { throw ValidationError("no readable files under \(files)") }
    let runs = try BackendName.chosen(backends).flatMap { backend in
      backend.policies(policies?.names).map { (backend, $0) }
    }
    let verifier = Verifier(
      found, budget: budget.bytes, windowSize: window.bytes, seed: seed)
    if !json {
      let bytes = found.reduce(0) { $0 + Int($1.size) }
      Report.print(
        "\(grouped(found.count)) files, \(ByteSize.text(bytes)), budget \(budget), "
          + "window \(window), seed \(seed)\n")
    }
    var progress = ProgressBar(total: runs.count)
    var results: [VerifyResult] = []
    for (backend, policy) in runs {
      progress.show("\(backend.rawValue) \(policy.rawValue)")
      if cold {
        for file in found { try PatternFile.chill(file.path) }
      }
      results.append(try verifier.run(backend, policy))
      progress.advance()
    }
    progress.finish()
    try Report.print(results, asJSON: json) {
      TextTable(VerifyResult.titles, leftAligned: 2, results.map(\.cells)).render()
    }
    for result in results {
      if let problem = result.firstProblem {
        Report.note("mapbench: \(result.backend) \(result.policy): \(problem)")
      }
    }
    if !results.allSatisfy(\.isGood) { throw ExitCode(1) }
  }
}
