import BenchmarkSupport
import SlidingMap

/// A way of going through a file, for which some advice is better than other.
enum ReadShape: String, CaseIterable, Sendable {
  case scan, pages, runs, near, strides

  /// What it does.
  var work: String {
    switch self {
    case .scan: "windows, front to back"
    case .pages: "4 KiB at random"
    case .runs: "64 KiB at random"
    case .near: "4 KiB every 32 KiB"
    case .strides: "4 KiB every 1 MiB"
    }
  }

  /// What is asked for, in order.
  func requests(fileSize: Int, count: Int, seed: UInt64) -> [Range<Int64>] {
    switch self {
    case .scan: Self.steps(fileSize, by: 2 << 20, of: 2 << 20)
    case .pages: Self.scattered(fileSize, count, of: 4 << 10, seed)
    case .runs: Self.scattered(fileSize, count, of: 64 << 10, seed)
    case .near: Self.steps(fileSize, by: 32 << 10, of: 4 << 10)
    case .strides: Self.steps(fileSize, by: 1 << 20, of: 4 << 10)
    }
  }

  private static func steps(_ fileSize: Int, by step: Int, of byteCount: Int) -> [Range<Int64>] {
    stride(from: 0, to: fileSize - byteCount + 1, by: step).map {
      Int64($0)..<Int64($0 + byteCount)
    }
  }

  private static func scattered(
    _ fileSize: Int, _ count: Int, of byteCount: Int, _ seed: UInt64
  ) -> [Range<Int64>] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in
      let start = Int64(generator.below((fileSize - byteCount) / 4096) * 4096)
      return start..<start + Int64(byteCount)
    }
  }
}
