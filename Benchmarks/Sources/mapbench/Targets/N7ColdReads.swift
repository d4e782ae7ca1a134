import BenchmarkSupport
import Glibc
import SlidingMap
import SystemPackage

/// N7: reads at random that no cache holds, many of them under way.
enum N7ColdReads: Target {
  static let number = "N7"
  /// Reads of each side in each round.
  private static let reads = 16_384

  /// How a side reads.
  private struct Setting {
    let depth: Int
    let isDirect: Bool

    var name: String { "\(depth)\(isDirect ? " direct" : "")" }
    var work: String { "cold 4 KiB at random, \(depth) in flight" }
    var cache: String { isDirect ? "O_DIRECT on both sides" : "the page cache on both sides" }
  }

  static func measure(_ bench: Workbench) throws -> [TargetResult] {
    if let obstacle = BackendName.uring.obstacle {
      bench.skip(number, obstacle)
      return []
    }
    let fio = try Fio.version()
    if fio == nil {
      bench.skip("\(number) against fio", "fio is not installed: apt-get install fio")
    }
    let file = try bench.coldFile()
    var settings = [32, 128].map { Setting(depth: $0, isDirect: false) }
    if DirectoryReport(bench.directory).directAlignment.map({ $0 <= ColdFile.pageSize }) ?? false {
      settings += [32, 128].map { Setting(depth: $0, isDirect: true) }
    } else {
      bench.skip("\(number) direct", "the file system has no O_DIRECT")
    }

    // Each setting's ours beside its peer, who goes first in turn; the mapping beside them all.
    var pairs = [[Pair]](repeating: [], count: settings.count)
    var mapped = pairs
    for round in 0...bench.rounds {
      let mapping = try readMapping(file)
      for (index, setting) in settings.enumerated() {
        var peer = 0.0
        if fio != nil, round % 2 == 1 { peer = try readWithFio(file, setting, round) }
        let ours = try read(file, setting)
        if fio != nil, round % 2 == 0 { peer = try readWithFio(file, setting, round) }
        if round == 0 { continue }
        pairs[index].append(.ratio(ours, peer))
        mapped[index].append(.ratio(ours, mapping))
      }
    }
    var results: [TargetResult] = []
    for (index, setting) in settings.enumerated() {
      if let fio {
        results.append(
          .atLeast(
            0.9, "x", name: "N7 \(setting.name)", work: "\(setting.work), of fio's", measure: "/s",
            pairs[index], note: "\(fio), \(setting.cache)"))
      }
      // Past the page cache no mapping can go: that comparison is of two buffered readers.
      if setting.isDirect { continue }
      results.append(
        .atLeast(
          2, "x", name: "N7 \(setting.name) map", work: "\(setting.work), of mmap, MADV_RANDOM",
          measure: "/s", mapped[index],
          note: "\(file.leftovers) of \(grouped(file.looks)) pages looked at (RWF_NOWAIT) were in "
            + "the page cache at a start"))
    }
    return results
  }

  /// Ours, in reads a second: a manager whose windows are the pages read. The ring has as many requests under way as fio,
  /// and never more; what is asked for beyond that waits in its queue, as fio knows its next reads, too.
  private static func read(_ file: ColdFile, _ setting: Setting) throws -> Double {
    let backend = try BackendName.ring(depth: setting.depth, isDirect: setting.isDirect)
    let maps = SlidingWindowMapManager(backend: backend, windowSize: ColdFile.pageSize)
    defer { maps.shutdown() }
    return try readsPerSecond(
      maps, file, reads: reads, ahead: 4 * setting.depth, batch: setting.depth / 2)
  }

  private static func readWithFio(
    _ file: ColdFile, _ setting: Setting, _ round: Int
  ) throws -> Double {
    _ = try file.chilled(reads: 0)
    return try Fio.readsPerSecond(
      file.path, reads: reads, depth: setting.depth, isDirect: setting.isDirect, seed: round + 1)
  }

  private static func readMapping(_ file: ColdFile) throws -> Double {
    let round = try file.chilled(reads: reads)
    let mapping = try RawMapping(file.path)
    mapping.advise(MADV_RANDOM)
    var sum: UInt64 = 0
    let time = seconds { sum = ColdLoops.load(mapping, round.offsets) }
    try ChecksumMismatch.check(sum, round.sum, "N7 map")
    return Double(reads) / time
  }

  /// Reads fresh cold pages through a manager that holds nothing yet.
  static func readsPerSecond(
    _ maps: MapManager, _ file: ColdFile, reads: Int, ahead: Int, batch: Int
  ) throws -> Double {
    var cursor = try maps.cursor(for: file.path)
    let round = try file.chilled(reads: reads)
    var sum: UInt64 = 0
    let time = try seconds {
      sum = try ColdLoops.prefetchAndLoad(
        maps, file.path, &cursor, round.offsets, ahead: ahead, batch: batch)
    }
    try ChecksumMismatch.check(sum, round.sum, number)
    return Double(reads) / time
  }
}
