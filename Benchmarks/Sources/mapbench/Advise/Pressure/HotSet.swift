import BenchmarkSupport
import SystemPackage

/// Pages of a file that are read again and again.
enum HotSet: String, CaseIterable, Sendable {
  case dense, sparse

  static let byteCount = 64 << 20
  static let seed: UInt64 = 12
  private static let pageSize = 4096

  /// What it is.
  var work: String {
    switch self {
    case .dense: "all of a file of 64 MiB"
    case .sparse: "64 MiB in a file of 1 GiB, each 16th page"
    }
  }

  /// How far apart the pages are, in pages.
  private var stride: Int { self == .dense ? 1 : 16 }

  var fileSize: Int { Self.byteCount * stride }

  /// The first bytes of its pages, in order.
  var pages: [Int64] {
    (0..<Self.byteCount / Self.pageSize).map { Int64($0 * stride * Self.pageSize) }
  }

  /// Words of it at random.
  func offsets(_ count: Int, seed: UInt64) -> [Int64] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in
      let page = generator.below(Self.byteCount / Self.pageSize) * stride
      return Int64(page * Self.pageSize + generator.below(Self.pageSize / 8) * 8)
    }
  }

  /// The sum of the words at some offsets.
  static func sum(_ offsets: ArraySlice<Int64>) -> UInt64 {
    offsets.reduce(0) { $0 &+ PatternFile.word(Int($1 / 8), seed: seed) }
  }
}
