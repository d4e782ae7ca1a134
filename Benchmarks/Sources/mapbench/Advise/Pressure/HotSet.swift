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

  /// Whole pages of it at random.
  func requests(_ count: Int, seed: UInt64) -> [Range<Int64>] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in
      let page = Int64(generator.below(Self.byteCount / Self.pageSize) * stride * Self.pageSize)
      return page..<page + Int64(Self.pageSize)
    }
  }

  /// The sum of the words of some pages.
  static func sum(_ requests: ArraySlice<Range<Int64>>) -> UInt64 {
    var sum: UInt64 = 0
    for page in requests {
      for word in page.lowerBound / 8..<page.upperBound / 8 {
        sum &+= PatternFile.word(Int(word), seed: seed)
      }
    }
    return sum
  }
}
