import BenchmarkSupport
import FoundationEssentials
import SlidingMap
import SystemPackage

/// N11: small files read while no descriptor is to be had.
enum N11Takeover: Target {
  static let number = "N11"
  private static let fileCount = 10_000
  private static let passes = 4
  private static let fileSize = 4096

  static func measure(_ bench: Workbench) throws -> [TargetResult] {
    if let obstacle = BackendName.uring.obstacle {
      bench.skip(number, "nothing can be opened without a descriptor: \(obstacle)")
      return []
    }
    let (files, expected) = try makeFiles(bench.directory.appending("small"))
    // A manager for each, so that neither has anything of the other's to make good. Fewer windows than files, so that each
    // read of one is a read.
    let pressed = try manager()
    let free = try manager()
    defer {
      pressed.shutdown()
      free.shutdown()
    }
    let operations = Double(files.count * passes)
    func time(_ name: String, _ read: () throws -> UInt64) throws -> Double {
      var sum: UInt64 = 0
      let time = try seconds { for _ in 0..<passes { sum &+= try read() } }
      try ChecksumMismatch.check(sum, expected &* UInt64(passes), name)
      return time / operations * 1e9
    }
    var withoutPressure: [Double] = []
    let pairs = try bench.pairs(
      ours: {
        let hog = try DescriptorHog()
        defer { hog.stop() }
        return try time("N11") { try useAll(files, pressed) }
      },
      peer: {
        let peer = try time("N11 peer") { try readAll(files) }
        withoutPressure.append(try time("N11 free") { try useAll(files, free) } / peer)
        return peer
      }, Pair.ratio)
    let statistics = pressed.statistics
    let expectedTakeovers = files.count * passes * (bench.rounds + 1)
    let free1 = fixed(median(withoutPressure), 2)
    return [
      .atMost(
        2.5, "x", name: "N11", work: "open, use of 4 KiB, close; no descriptors left",
        measure: "ns", pairs,
        note: "without pressure \(free1)x; \(grouped(statistics.counts.takeovers)) takeovers, "
          + "\(grouped(statistics.counts.copies)) of them copies, in \(grouped(expectedTakeovers)) reads"
      )
    ]
  }

  private static func manager() throws -> MapManager {
    SlidingWindowMapManager(
      backend: try BackendName.automatic.make(), budget: .fixed(bytes: 16 << 20, handles: 64))
  }

  @inline(never)
  private static func useAll(_ files: [FilePath], _ maps: MapManager) throws -> UInt64 {
    var sum: UInt64 = 0
    for path in files {
      var cursor = try maps.cursor(for: path)
      try cursor.use(at: 0, count: fileSize)
      sum &+= cursor.bytes.word(at: 0) &+ cursor.bytes.word(at: fileSize - 8)
    }
    return sum
  }

  /// The peer: open, pread, close.
  @inline(never)
  private static func readAll(_ files: [FilePath]) throws -> UInt64 {
    let buffer = AlignedBuffer(byteCount: fileSize)
    var sum: UInt64 = 0
    for path in files {
      let file = try FileDescriptor.open(path, .readOnly)
      defer { try? file.close() }
      let count = try buffer.fill(from: file, at: 0, count: fileSize)
      guard count == fileSize else { throw Errno.ioError }
      sum &+= buffer.bytes.word(at: 0) &+ buffer.bytes.word(at: fileSize - 8)
    }
    return sum
  }

  /// Files of a page each, a thousand in a directory, and the sum that reading all of them gives.
  private static func makeFiles(
    _ directory: FilePath
  ) throws -> (files: [FilePath], sum: UInt64) {
    var files: [FilePath] = []
    var sum: UInt64 = 0
    for number in 0..<fileCount {
      let folder = directory.appending("\(number / 1000)")
      if number % 1000 == 0 {
        try FileManager.default.createDirectory(
          atPath: folder.string, withIntermediateDirectories: true)
      }
      let path = folder.appending("\(number)")
      try PatternFile.write(path, byteCount: fileSize, seed: UInt64(number))
      sum &+= PatternFile.word(0, seed: UInt64(number))
      sum &+= PatternFile.word(fileSize / 8 - 1, seed: UInt64(number))
      files.append(path)
    }
    return (files, sum)
  }
}
