import BenchmarkSupport
import FoundationEssentials
import SystemPackage

/// The files of a mixed soak, in ten directories.
struct SoakFiles: Sendable {
  let all: [SoakFile]
  let fixed: [SoakFile]
  let growing: [SoakFile]
  let replaced: [SoakFile]
  /// Of all files, at the start.
  let byteCount: Int

  /// Sizes that are easily got wrong come first; the others' logarithms are spread evenly up to 32 MiB.
  init(in directory: FilePath, count: Int, windowSize: Int, seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let odd = [0, 1, 4096, windowSize - 1, windowSize, windowSize + 1, 32 << 20]
    var byteCount = 0
    all = try (0..<count).map { number in
      let folder = directory.appending("\(number % 10)")
      if number < 10 {
        try FileManager.default.createDirectory(
          atPath: folder.string, withIntermediateDirectories: true)
      }
      let kind: SoakFile.Kind = number % 10 == 8 ? .growing : number % 10 == 9 ? .replaced : .fixed
      let isSmall = kind == .replaced
      // A replaced file is written as a whole each time.
      let mean = isSmall ? 1 << (12 + generator.below(5)) : 1 << generator.below(25)
      let size = number < odd.count ? odd[number] : mean + generator.below(mean)
      byteCount += size
      return try SoakFile(folder.appending("\(number)"), number: number, kind: kind, size: size)
    }
    fixed = all.filter { $0.kind == .fixed }
    growing = all.filter { $0.kind == .growing }
    replaced = all.filter { $0.kind == .replaced }
    self.byteCount = byteCount
  }
}
