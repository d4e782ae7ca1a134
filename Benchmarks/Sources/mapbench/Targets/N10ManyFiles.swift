import BenchmarkSupport
import FoundationEssentials
import Glibc
import SlidingMap
import SystemPackage

/// N10, second part: a hundred thousand files over 64 descriptors.
enum N10ManyFiles: Target {
  static let number = "N10"
  private static let fileCount = 100_000
  private static let handles = 64

  static func measure(_ bench: Workbench) throws -> [TargetResult] {
    let files = try makeFiles(bench.directory.appending("many"))
    let few = Array(files[..<1000])
    // Fewer maps than the few files, so that both sides unload at every step.
    let maps = SlidingWindowMapManager(budget: .fixed(bytes: 64 << 20, maps: 256, handles: handles))
    defer { maps.shutdown() }
    // The descriptor of the ring that stands by is no file's.
    let idle = openDescriptors()
    func ours(_ files: [FilePath], passes: Int) throws -> Double {
      try time(files, passes: passes) { try useAll(files, maps) }
    }
    func peer(_ files: [FilePath], passes: Int) throws -> Double {
      try time(files, passes: passes) { try mapAll(files) }
    }
    var each: (ours: [Double], peer: [Double]) = ([], [])
    let growth = try bench.pairs(
      rounds: 5,
      ours: {
        let base = try ours(few, passes: 20)
        let all = try ours(files, passes: 1)
        each.ours.append(all)
        return all / base
      },
      peer: {
        let base = try peer(few, passes: 20)
        let all = try peer(files, passes: 1)
        each.peer.append(all)
        return all / base
      }, Pair.ratio)

    let most = try mostHeld(maps, files, idle: idle)
    return [
      .atMost(
        1.5, "x", name: "N10 files",
        work: "open + use: 100,000 files against 1,000",
        measure: "x", growth,
        note:
          "\(duration(nanoseconds: median(each.ours))) a file with 100,000, by open, mmap, touch, "
          + "munmap and close \(duration(nanoseconds: median(each.peer))); O(1) is taken as growing "
          + "at most half as much again as those calls do"),
      .atMost(
        Double(handles), "", name: "N10 handles",
        work: "descriptors held; peer: /proc/self/fd", measure: "",
        [
          Pair(
            ours: Double(most.handles), peer: Double(most.open),
            figure: Double(max(most.handles, most.open)))
        ]),
    ]
  }

  /// The time of a file in nanoseconds, over so many passes.
  private static func time(
    _ files: [FilePath], passes: Int, _ read: () throws -> UInt64
  ) throws -> Double {
    var sum: UInt64 = 0
    let time = try seconds { for _ in 0..<passes { sum &+= try read() } }
    try ChecksumMismatch.check(sum, expectedSum(files.count) &* UInt64(passes), "N10 files")
    return time / Double(files.count * passes) * 1e9
  }

  /// Uses all files once more, without a clock, and looks at descriptors on the way.
  private static func mostHeld(
    _ maps: MapManager, _ files: [FilePath], idle: Int
  ) throws -> (handles: Int, open: Int) {
    var most = (handles: 0, open: 0)
    for (index, file) in files.enumerated() {
      var cursor = try maps.cursor(for: file)
      try cursor.use(at: 0, count: 8)
      if index % 64 == 0 { most.handles = max(most.handles, maps.statistics.usage.handles) }
      if index % 512 == 0 { most.open = max(most.open, openDescriptors() - idle) }
    }
    most.handles = max(most.handles, maps.statistics.peak.handles)
    return most
  }

  @inline(never)
  private static func useAll(_ files: [FilePath], _ maps: MapManager) throws -> UInt64 {
    var sum: UInt64 = 0
    for file in files {
      var cursor = try maps.cursor(for: file)
      try cursor.use(at: 0, count: 8)
      sum &+= cursor.bytes.word(at: 0)
    }
    return sum
  }

  @inline(never)
  private static func mapAll(_ files: [FilePath]) throws -> UInt64 {
    var sum: UInt64 = 0
    for path in files {
      let mapping = try RawMapping(path)
      sum &+= mapping.bytes.word(at: 0)
    }
    return sum
  }

  /// Files of 64 bytes, of which the first eight tell the file's number; a thousand in a directory.
  private static func makeFiles(_ directory: FilePath) throws -> [FilePath] {
    mkdir(directory)
    var files: [FilePath] = []
    for number in 0..<fileCount {
      let folder = directory.appending("\(number / 1000)")
      if number % 1000 == 0 { mkdir(folder) }
      let path = folder.appending("\(number)")
      let file = try FileDescriptor.open(
        path, .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
      let words = [UInt64](repeating: UInt64(number) &* 0x9E37_79B9, count: 8)
      defer { try? file.close() }
      _ = try unsafe words.withUnsafeBytes { try unsafe file.writeAll($0) }
      files.append(path)
    }
    return files
  }

  private static func expectedSum(_ count: Int) -> UInt64 {
    (0..<UInt64(count)).reduce(0) { $0 &+ $1 &* 0x9E37_79B9 }
  }

  private static func mkdir(_ path: FilePath) {
    try? FileManager.default.createDirectory(
      atPath: path.string, withIntermediateDirectories: true)
  }

  private static func openDescriptors() -> Int {
    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
  }
}
