import SlidingMap
import SystemPackage

/// What hits, misses and opening take in a manager that knows so many files, of which each has a cursor. All
/// together have always as many regions.
struct FileGrowth: ~Copyable {
  private static let windowSize = 4096
  private static let operations = 1 << 14
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
    windowsOfFile = regions / files
    let fileSize = windowsOfFile * Self.windowSize
    let provider = try NominalProvider(
      files: files, fileSize: fileSize, others: Self.operations, otherSize: Self.windowSize)
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
    known = (0..<Self.operations).map { _ in NominalProvider.path(generator.below(files)) }
    unknown = (files..<files + Self.operations).map { NominalProvider.path($0) }
    var sum: UInt64 = 0
    for window in 0..<regions { sum &+= provider.word(at: window * Self.windowSize) }
    blackHole(sum)
  }

  /// One round, added to the times of a hit, a miss, opening a known file, opening and closing an unknown one, and
  /// unloading a window with all others. There is nothing to unload in the first.
  mutating func round(
    _ hit: inout GrowthResult.Times, _ miss: inout GrowthResult.Times,
    _ open: inout GrowthResult.Times, _ new: inout GrowthResult.Times,
    _ collect: inout GrowthResult.Times
  ) throws {
    releaseAll()
    collect.ours.append(processorSeconds { maps.collect() } / Double(order.count) * 1e9)
    collect.plain.append(processorSeconds { plain.empty() } / Double(order.count) * 1e9)
    miss.ours.append(try processorSeconds { try use(order) } / Double(order.count) * 1e9)
    miss.plain.append(processorSeconds { usePlain(order) } / Double(order.count) * 1e9)
    hit.ours.append(try processorSeconds { try use(used) } / Double(used.count) * 1e9)
    hit.plain.append(processorSeconds { usePlain(used) } / Double(used.count) * 1e9)
    let count = Double(Self.operations)
    open.ours.append(try processorSeconds { try openAll(known) } / count * 1e9)
    open.plain.append(
      processorSeconds { for path in known { plainFiles.find(path) } } / count * 1e9)
    new.ours.append(try processorSeconds { try openAll(unknown) } / count * 1e9)
    new.plain.append(
      processorSeconds { for path in unknown { plainFiles.addAndRemove(path) } } / count * 1e9)
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
