import ArgumentParser

/// Numbers after one option, separated by commas, each larger than the one before.
struct CountList: ExpressibleByArgument, Sendable {
  let counts: [Int]

  init(_ counts: [Int]) { self.counts = counts }

  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    counts = parts.compactMap { $0 }
    guard counts.count == parts.count, counts[0] > 0, zip(counts, counts.dropFirst()).allSatisfy(<)
    else { return nil }
  }

  var defaultValueDescription: String { counts.map(String.init).joined(separator: ",") }
}
