import ArgumentParser
import BenchmarkSupport
import Glibc
import SlidingMap
import SystemPackage

/// `mapbench advise`: what each access pattern is worth on a file that no cache holds.
struct AdviseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "advise",
    abstract: "Reads a cold file in several ways under each access pattern: time and bytes read.",
    discussion: """
      The file is made in $TMPDIR, which must be on a disk, and dropped from the page cache before each run. Patterns \
      take turns; figures are medians. The column `cached` tells what could not be dropped, at most.

      With --memory it is measured what advice does to others: processes in a control group of so much memory read a hot \
      set of 64 MiB at random beside a cold file, through the library with all its defaults and through plain maps. Such \
      groups take privileges.
      """)

  @Option(help: "The file's size.")
  var size = ByteSize(4 << 30)
  @Option(help: "The budget.")
  var budget = ByteSize(64 << 20)
  @Option(help: "The size of a window.")
  var window = ByteSize(SlidingWindowMapManager.defaultWindowSize)
  @Option(help: "Reads of a run at random.")
  var reads = 8192
  @Option(help: "Ways of reading, separated by commas.")
  var shapes = NameList<ReadShape>.all
  @Option(help: "Patterns, separated by commas.")
  var patterns = NameList<PatternName>.all
  @Option(help: "Rounds for each median.")
  var rounds = 5
  @Flag(help: "Map all of a window's pages when it is loaded.")
  var populate = false
  @Flag(help: "Leave the file in the page cache.")
  var hot = false
  @Option(help: "Read a hot set beside a cold file instead, in a control group of so much memory.")
  var memory: ByteSize?
  @Option(help: "Threads that read the hot set, with --memory.")
  var threads = 1
  @Option(name: .customLong("seconds"), help: "Seconds of each run, with --memory.")
  var duration = 4.0
  @Flag(help: "Print an array of objects instead of a table.")
  var json = false

  func validate() throws {
    guard threads > 0, duration > 0 else {
      throw ValidationError("--threads and --seconds are positive")
    }
    guard rounds > 0, reads > 0 else { throw ValidationError("--rounds and --reads are positive") }
    guard size.bytes >= 4 << 20 else { throw ValidationError("--size is at least 4MiB") }
    guard window.bytes % 4096 == 0 else { throw ValidationError("--window is whole pages") }
  }

  func run() throws {
    Cleanup.onSignals()
    Worker.detach { while true { pause() } }
    let directory = try TemporaryDirectory()
    defer { directory.remove() }
    if let memory { return try readUnderPressure(directory.path, memory.bytes) }
    let path = directory.path.appending("file.bin")
    try PatternFile.write(path, byteCount: size.bytes, seed: 3)
    if hot { try PatternFile.warm(path) }
    var progress = ProgressBar(total: shapes.names.count * rounds)
    var results: [AdviceResult] = []
    for shape in shapes.names {
      progress.show(shape.rawValue)
      var times = [[Double]](repeating: [], count: patterns.names.count)
      var bytes = times
      var cached = [Int](repeating: 0, count: patterns.names.count)
      var wanted = 0
      for round in 0..<rounds {
        let requests = shape.requests(
          fileSize: size.bytes, count: reads, seed: UInt64(round) &+ 5)
        wanted = requests.reduce(0) { $0 + $1.count }
        var sum: UInt64?
        for step in patterns.names.indices {
          let index = (step + round) % patterns.names.count
          let run = try read(path, requests, patterns.names[index])
          try ChecksumMismatch.check(run.sum, sum ?? run.sum, shape.rawValue)
          sum = run.sum
          times[index].append(run.seconds * 1e3)
          bytes[index].append(Double(run.bytesRead))
          cached[index] = max(cached[index], run.bytesCached)
        }
        progress.advance()
      }
      let fixedTimes = zip(patterns.names, times).filter { $0.0 != .learned }.map { median($0.1) }
      let best = fixedTimes.min() ?? times.map(median).min() ?? .nan
      for (index, pattern) in patterns.names.enumerated() {
        results.append(
          AdviceResult(
            shape: shape.rawValue, pattern: pattern.rawValue, milliseconds: median(times[index]),
            bytesRead: Int(median(bytes[index])), bytesWanted: wanted,
            ofBest: median(times[index]) / best, bytesCached: hot ? nil : cached[index]))
      }
    }
    progress.finish()
    try Report.print(results, asJSON: json) { AdviceResult.table(results) }
    let most = results.compactMap(\.bytesCached).max() ?? 0
    if most > size.bytes / 1000 {
      Report.note(
        "mapbench: not all was cold: \(ByteSize.text(most)) of the file could not be dropped from the page "
          + "cache; is \(TemporaryDirectory.parent) on a disk?")
    }
  }

  private func readUnderPressure(_ directory: FilePath, _ memory: Int) throws {
    let bench: PressureBench
    do {
      bench = try PressureBench(in: directory, memory: memory, coldSize: size.bytes)
    } catch let error as Errno {
      throw ValidationError("no control group with a limit of memory can be made: \(error)")
    }
    let shapes: [ReadShape] = [.scan, .pages]
    let readers = PressureReader.allCases
    var progress = ProgressBar(total: HotSet.allCases.count * shapes.count * rounds)
    var results: [PressureResult] = []
    for hotSet in HotSet.allCases {
      for shape in shapes {
        var runs: [PressureReader: [PressureRun]] = [:]
        for round in 0..<rounds {
          progress.show("\(hotSet.rawValue), \(shape.rawValue)")
          for step in readers.indices {
            let reader = readers[(step + round) % readers.count]
            runs[reader, default: []].append(
              try bench.run(reader, hotSet, shape, hotThreads: threads, seconds: duration))
          }
          progress.advance()
        }
        results += PressureResult.results(hotSet, shape, runs)
      }
    }
    progress.finish()
    try Report.print(results, asJSON: json) { PressureResult.table(results) }
  }

  private func read(
    _ path: FilePath, _ requests: [Range<Int64>], _ pattern: PatternName
  ) throws -> (seconds: Double, bytesRead: Int, bytesCached: Int, sum: UInt64) {
    if !hot { try PatternFile.chill(path) }
    let cached = hot ? 0 : min(try PatternFile.cachedPages(path) * 4096, size.bytes)
    let maps = SlidingWindowMapManager(
      backend: .mmap(populate: populate), budget: .fixed(bytes: budget.bytes),
      windowSize: window.bytes, pattern: pattern.pattern)
    defer { maps.shutdown() }
    var cursor = try maps.cursor(for: path)
    var sum: UInt64 = 0
    let before = try DiskReads.now()
    let time = try seconds { sum = try Loops.useAndSum(&cursor, requests) }
    return (time, try DiskReads.now() - before, cached, sum)
  }
}

extension ReadShape: ExpressibleByArgument {}
extension PatternName: ExpressibleByArgument {}
