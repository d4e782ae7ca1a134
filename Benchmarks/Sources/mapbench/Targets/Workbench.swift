import BenchmarkSupport
import SlidingMap
import SystemPackage

/// What all measurements share: a directory, one large file in the page cache, and the way pairs are taken.
final class Workbench {
  static let windowSize = 1 << 20

  let directory: FilePath
  /// How many pairs each median is of.
  let rounds: Int
  private var made: [Int: FilePath] = [:]
  private var cold: ColdFile?
  /// What could not be measured, and why: "N7: fio is not installed".
  private(set) var skipped: [String] = []

  init(directory: FilePath, rounds: Int) {
    self.directory = directory
    self.rounds = rounds
  }

  /// A file of 1 GiB in the page cache, made when first asked for; written in pieces of so many bytes.
  func largeFile(piece: Int = 1 << 20) throws -> FilePath {
    if let path = made[piece] { return path }
    let path = directory.appending("large-\(piece).bin")
    try PatternFile.write(path, byteCount: 1 << 30, seed: 1, piece: piece)
    try PatternFile.warm(path)
    made[piece] = path
    return path
  }

  /// A file of 4 GiB that is not in the page cache, made when first asked for.
  func coldFile() throws -> ColdFile {
    if let cold { return cold }
    let file = try ColdFile(directory.appending("random.bin"))
    cold = file
    return file
  }

  /// Notes that something can't be measured here.
  func skip(_ name: String, _ reason: String) { skipped.append("\(name): skipped, \(reason)") }

  /// Takes pairs, ours first in every other one, after one pair that does not count.
  func pairs(
    rounds: Int? = nil, ours: () throws -> Double, peer: () throws -> Double,
    _ combine: (_ ours: Double, _ peer: Double) -> Pair
  ) rethrows -> [Pair] {
    var pairs: [Pair] = []
    for round in 0...(rounds ?? self.rounds) {
      let first = round % 2 == 0 ? try ours() : try peer()
      let second = round % 2 == 0 ? try peer() : try ours()
      if round > 0 {
        pairs.append(round % 2 == 0 ? combine(first, second) : combine(second, first))
      }
    }
    return pairs
  }
}

/// A measurement that belongs to one number of the design.
protocol Target {
  /// The number: "N4".
  static var number: String { get }
  /// Measures; one result for each part.
  static func measure(_ bench: Workbench) throws -> [TargetResult]
}
