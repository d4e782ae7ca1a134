import BenchmarkSupport
import SystemPackage

/// Something users do, in several ways that come to the same sum: through the library as it comes, and as they would do it without.
struct UserWork {
  /// A way of doing it.
  struct Way {
    let name: String
    let isOurs: Bool
    /// Sees to what is not measured, and gives what is: the sum of what was read.
    let begin: () throws -> () throws -> UInt64
  }

  let name: String
  /// What is done.
  let work: String
  let ways: [Way]
  /// The way that the target speaks of, and the most that ours may take as a multiple of it.
  let peer: String
  let most: Double

  /// The ways of the library.
  var ours: [Way] { ways.filter(\.isOurs) }

  /// Takes rounds in which all ways take turns, after one that does not count.
  ///
  /// - Returns: seconds by the ways' names.
  /// - Throws: `ChecksumMismatch`, and what a way throws.
  func measure(rounds: Int, _ progress: (String) -> Void = { _ in }) throws -> [String: [Double]] {
    var times: [String: [Double]] = [:]
    for round in 0...rounds {
      var sum: UInt64?
      for step in ways.indices {
        let way = ways[(step + round) % ways.count]
        progress("\(name): \(way.name)")
        let run = try way.begin()
        var found: UInt64 = 0
        let time = try seconds { found = try run() }
        try ChecksumMismatch.check(found, sum ?? found, "\(name), \(way.name)")
        sum = found
        if round > 0 { times[way.name, default: []].append(time) }
      }
    }
    return times
  }

  /// All of them, over files that are made in a directory.
  ///
  /// - Parameter scale: 1, or less for smaller files, fewer of them, and smaller budgets.
  static func all(in directory: FilePath, scale: Double = 1) throws -> [UserWork] {
    let small = try smallFiles(in: directory, scale)
    let search = try binarySearch(in: directory, scale)
    let scan = try coldScan(in: directory, scale)
    return try [small] + search + [scan] + literalSearch(in: directory, scale)
  }
}
