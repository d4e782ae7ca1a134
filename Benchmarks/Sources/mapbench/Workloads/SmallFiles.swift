import BenchmarkSupport
import FoundationEssentials
import SlidingMap
import SystemPackage

extension UserWork {
  private static let largestFile = 16 << 10

  /// Many small files, each opened, read whole once, and closed.
  static func smallFiles(in directory: FilePath, _ scale: Double) throws -> UserWork {
    let paths = try makeSmallFiles(Int(20_000 * scale), in: directory.appending("small-files"))
    return UserWork(
      name: "small files",
      work: "\(grouped(paths.count)) files of 1 to 16 KiB opened, summed, closed",
      ways: [
        Way(name: "cursors", isOurs: true) {
          let maps = SlidingWindowMapManager()
          return {
            defer { maps.shutdown() }
            return try sum(paths, through: maps)
          }
        },
        Way(name: "open, read, close", isOurs: false) { { try sumByReading(paths) } },
        Way(name: "open, mmap, close", isOurs: false) { { try sumByMapping(paths) } },
      ], peer: "open, read, close", most: 1.3)
  }

  @inline(never)
  private static func sum(_ paths: [FilePath], through maps: MapManager) throws -> UInt64 {
    var sum: UInt64 = 0
    for path in paths {
      var cursor = try maps.cursor(for: path)
      try cursor.use(at: 0, count: Int(cursor.fileSize))
      sum &+= cursor.bytes.sumOfWords()
    }
    return sum
  }

  @inline(never)
  private static func sumByReading(_ paths: [FilePath]) throws -> UInt64 {
    let buffer = AlignedBuffer(byteCount: largestFile)
    var sum: UInt64 = 0
    for path in paths {
      let file = try FileDescriptor.open(path, .readOnly)
      defer { try? file.close() }
      let count = try unsafe file.read(into: buffer.memory)
      sum &+= buffer.bytes.extracting(0..<count).sumOfWords()
    }
    return sum
  }

  @inline(never)
  private static func sumByMapping(_ paths: [FilePath]) throws -> UInt64 {
    var sum: UInt64 = 0
    for path in paths {
      let mapping = try RawMapping(path)
      sum &+= mapping.bytes.sumOfWords()
    }
    return sum
  }

  /// A thousand in a directory, in the page cache.
  private static func makeSmallFiles(
    _ count: Int, in directory: FilePath
  ) throws -> [FilePath] {
    var generator = SeededGenerator(seed: 19)
    return try (0..<count).map { number in
      let folder = directory.appending("\(number / 1000)")
      if number % 1000 == 0 {
        try FileManager.default.createDirectory(
          atPath: folder.string, withIntermediateDirectories: true)
      }
      let path = folder.appending("\(number)")
      let byteCount = 1024 + generator.below(largestFile - 1024) / 8 * 8
      try PatternFile.write(path, byteCount: byteCount, seed: UInt64(number), piece: largestFile)
      return path
    }
  }
}
