import BenchmarkSupport
import SlidingMap
import SystemPackage

/// What hits, misses and opening take in a manager that knows so many files, of which each has a cursor. All
/// together have always as many regions.
struct FileGrowth: GrowthBench, ~Copyable {
  static let operations = ["hit", "miss, room", "open, known", "open, new", "collect"]

  let size: GrowthSize
  private static let windowSize = 4096
  private static let opened = 1 << 14
  private static let hits = 1 << 18

  private let windowsOfFile: Int
  private let provider: NominalProvider
  private let maps: MapManager
  private let cursors: OwnedPlaces<WindowCursor>
  private var plain: PlainCache
  private var plainFiles: PlainFiles
  /// Each window of all files once, and then some at random.
  private let order: [Int]
  private let used: [Int]
  /// Of files that are known, at random; and of files that are not, each once.
  private let known: [FilePath]
  private let unknown: [FilePath]

  /// - Parameters:
  ///   - regions: a multiple of `files`.
  ///   - handles: that the manager may have.
  init(_ policy: PolicyName, files: Int, regions: Int, handles: Int) throws {
    size = GrowthSize(count: files, unit: "file")
    windowsOfFile = regions / files
    let fileSize = windowsOfFile * Self.windowSize
    let provider = try NominalProvider(
      files: files, fileSize: fileSize, others: Self.opened, otherSize: Self.windowSize)
    let maps = policy.slidingManager(
      .fixed(handles: handles), windowSize: Self.windowSize, backend: provider)
    cursors = try OwnedPlaces(count: files) { try maps.cursor(for: NominalProvider.path($0)) }
    self.provider = provider
    self.maps = maps
    plain = PlainCache(windows: regions, capacity: regions, isOrdered: policy == .lru)
    plainFiles = PlainFiles(count: files)
    var generator = SeededGenerator(seed: 43)
    order = (0..<regions).shuffled(using: &generator)
    used = (0..<Self.hits).map { _ in generator.below(regions) }
    known = (0..<Self.opened).map { _ in NominalProvider.path(generator.below(files)) }
    unknown = (files..<files + Self.opened).map { NominalProvider.path($0) }
    var sum: UInt64 = 0
    for window in 0..<regions { sum &+= provider.word(at: window * Self.windowSize) }
    blackHole(sum)
  }

  /// There is nothing to unload in the first round, nor are files in memory.
  mutating func round() throws -> [GrowthTimes] {
    releaseAll()
    let collect = GrowthTimes(
      ours: processorSeconds { maps.collect() } / Double(order.count) * 1e9,
      plain: processorSeconds { plain.empty() } / Double(order.count) * 1e9)
    let miss = GrowthTimes(
      ours: try processorSeconds { try use(order) } / Double(order.count) * 1e9,
      plain: processorSeconds { usePlain(order) } / Double(order.count) * 1e9)
    let hit = GrowthTimes(
      ours: try processorSeconds { try use(used) } / Double(used.count) * 1e9,
      plain: processorSeconds { usePlain(used) } / Double(used.count) * 1e9)
    let open = GrowthTimes(
      ours: try processorSeconds { try openAll(known) } / Double(Self.opened) * 1e9,
      plain: processorSeconds { for path in known { plainFiles.find(path) } }
        / Double(Self.opened) * 1e9)
    let new = GrowthTimes(
      ours: try processorSeconds { try openAll(unknown) } / Double(Self.opened) * 1e9,
      plain: processorSeconds { for path in unknown { plainFiles.addAndRemove(path) } }
        / Double(Self.opened) * 1e9)
    return [hit, miss, open, new, collect]
  }

  private func releaseAll() {
    let start = unsafe cursors.start
    for index in 0..<cursors.count { unsafe (start + index).pointee.release() }
  }

  @inline(never)
  private func openAll(_ paths: [FilePath]) throws {
    for path in paths { blackHole(try maps.cursor(for: path).fileSize) }
  }

  @inline(never)
  private func use(_ windows: [Int]) throws {
    var sum: UInt64 = 0
    let cursors = unsafe cursors.start
    for window in windows {
      let (file, index) = window.quotientAndRemainder(dividingBy: windowsOfFile)
      try unsafe cursors[file].use(at: Int64(index * Self.windowSize), count: 8)
      sum &+= unsafe cursors[file].bytes.word(at: 0)
    }
    blackHole(sum)
  }

  @inline(never)
  private mutating func usePlain(_ windows: [Int]) {
    var sum: UInt64 = 0
    for window in windows {
      let file = window / windowsOfFile
      plainFiles.use(file)
      if !plain.use(window) {
        plain.load(window)
        plainFiles.touch(file)
      }
      sum &+= provider.word(at: window * Self.windowSize)
    }
    blackHole(sum)
  }
}
