import BenchmarkSupport
import FoundationEssentials
import SlidingMap
import SystemPackage

/// N14: cold files brought into memory, one of 4 GiB and 2,000 of 2 MiB, beside fio reading the same files in order.
enum N14Warm: Target {
  static let number = "N14"

  static func measure(_ bench: Workbench) throws -> [TargetResult] {
    guard let fio = try Fio.version() else {
      bench.skip(number, "fio is not installed: apt-get install fio")
      return []
    }
    let files = try WarmFiles(in: bench.directory)
    defer { files.remove() }
    let large = try bench.coldFile().path
    return [
      try measure(
        bench, 0.95, "large", "a cold file of 4 GiB", [large], try Fio.SequentialRead.ofOne(large),
        fio),
      try measure(
        bench, 0.9, "many", "\(grouped(files.paths.count)) cold files of 2 MiB", files.paths,
        Fio.SequentialRead.ofMany(files), fio),
    ]
  }

  private static func measure(
    _ bench: Workbench, _ target: Double, _ name: String, _ work: String, _ paths: [FilePath],
    _ reads: [Fio.SequentialRead], _ fio: String
  ) throws -> TargetResult {
    let reads = try best(of: reads, paths)
    var peers: [String: Int] = [:]
    var pairs: [Pair] = []
    var leftovers = 0
    for round in 0...bench.rounds {
      func peer() throws -> Double {
        let speeds = try reads.map { read in (read, try bytesPerSecond(read, paths)) }
        guard let best = speeds.max(by: { $0.1 < $1.1 }) else { return .nan }
        if round > 0 { peers[best.0.name, default: 0] += 1 }
        return best.1
      }
      func ours() throws -> Double {
        leftovers += try chill(paths)
        return try warm(paths)
      }
      let first = round % 2 == 0 ? try ours() : try peer()
      let second = round % 2 == 0 ? try peer() : try ours()
      if round == 0 { continue }
      let (mine, its) = round % 2 == 0 ? (first, second) : (second, first)
      pairs.append(.ratio(mine / 1e6, its / 1e6))
    }
    let ways = peers.sorted { $0.value > $1.value }.map { "\($0.key) (\($0.value))" }
    return .atLeast(
      target, "x", name: "N14 \(name)", work: "\(work); of the better of fio's two best ways",
      measure: "MB/s", pairs,
      note: "\(fio), best by \(ways.joined(separator: ", ")); \(grouped(leftovers)) pages were in "
        + "the page cache at a start")
  }

  /// The two of fio's ways that were fastest in two rounds.
  private static func best(
    of reads: [Fio.SequentialRead], _ paths: [FilePath]
  ) throws -> [Fio.SequentialRead] {
    var speeds = [Double](repeating: 0, count: reads.count)
    for _ in 0..<2 {
      for (index, read) in reads.enumerated() {
        speeds[index] = max(speeds[index], try bytesPerSecond(read, paths))
      }
    }
    return zip(reads, speeds).sorted { $0.1 > $1.1 }.prefix(2).map(\.0)
  }

  private static func bytesPerSecond(
    _ read: Fio.SequentialRead, _ paths: [FilePath]
  ) throws -> Double {
    _ = try chill(paths)
    return try Fio.bytesPerSecond(read)
  }

  /// Drops files from the page cache, and counts what stayed.
  private static func chill(_ paths: [FilePath]) throws -> Int {
    for path in paths { try PatternFile.chill(path) }
    return try paths.reduce(0) { $0 + (try PatternFile.cachedPages($1)) }
  }

  /// Ours, in bytes a second: a default manager that holds nothing yet, from the call to its return.
  private static func warm(_ paths: [FilePath]) throws -> Double {
    let maps = SlidingWindowMapManager()
    defer { maps.shutdown() }
    var bytes = 0
    let start = nanoseconds()
    try WaitedTask.run { [sources = paths.map(FileSource.path)] in
      let warmUp = try await maps.warm(sources, limit: .max)
      if !warmUp.isComplete { throw Incomplete(warmUp: warmUp) }
    }
    let time = Double(nanoseconds() - start) / 1e9
    for path in paths {
      let mapping = try RawMapping(path)
      bytes += mapping.residentPages() * ColdFile.pageSize
    }
    return Double(bytes) / time
  }

  private struct Incomplete: Error, CustomStringConvertible {
    let warmUp: WarmUp
    var description: String { "not all was warmed: \(warmUp)" }
  }
}

/// 2,000 files of 2 MiB, under names that fio can make up: as four jobs of 500 files, and by hard links as one of 2,000.
final class WarmFiles {
  static let jobs = 4
  static let perJob = 500
  static let byteCount = 2 << 20

  let paths: [FilePath]
  /// Where each job has files of its own, and where one has all.
  let shared: FilePath
  let single: FilePath

  init(in directory: FilePath) throws {
    shared = directory.appending("warm-jobs")
    single = directory.appending("warm-single")
    for path in [shared, single] {
      try FileManager.default.createDirectory(
        atPath: path.string, withIntermediateDirectories: false)
    }
    var paths: [FilePath] = []
    for index in 0..<Self.jobs * Self.perJob {
      let path = shared.appending("\(index / Self.perJob).\(index % Self.perJob)")
      try PatternFile.write(path, byteCount: Self.byteCount, seed: UInt64(index))
      try FileManager.default.linkItem(
        atPath: path.string, toPath: single.appending("0.\(index)").string)
      paths.append(path)
    }
    self.paths = paths
  }

  func remove() {
    for path in [shared, single] { try? FileManager.default.removeItem(atPath: path.string) }
  }
}
