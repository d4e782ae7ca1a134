public import MapProtocols
public import SystemPackage

/// Opens files for reading through windows, shares the windows among all readers, and keeps them within a budget.
///
/// Use one of the two kinds: `SlidingWindowMapManager` for huge files read here and there, `StaticWindowMapManager` for
/// files that should lie in memory whole. Everything but the shape of a window is the same.
///
/// A manager may be used from any number of threads and tasks. It ends when it and its last cursor and buffer are gone, on
/// whatever thread that happens; every map and descriptor is given back then.
public class MapManager: @unchecked Sendable {
  let core: MapCore

  init(core: MapCore) { self.core = core }

  /// A cursor on the file at a path.
  ///
  /// The file is known by identity: a path replaced by another file gives new cursors that one, while old cursors go on
  /// reading the old. O(1): statx(2), and for a file that is not in use yet open(2), statx(2) and mmap(2).
  ///
  /// - Throws: `.openFailed` with errno (missing, unreadable), `.notRegularFile` (directory, FIFO, socket, device),
  ///   `.blockDevice`, `.unsizedFile` (as under /proc), `.notMappable`, `.handlesExhausted`, `.addressSpaceExhausted`,
  ///   `.fileChanged` for one that is another at each of several looks, `.budgetExhausted` for one that grew in a window that
  ///   is in use, where a hard budget has no room for that, `.shutdown`, `.forked`.
  public func cursor(for path: FilePath) throws(MapError) -> WindowCursor {
    try cursor(for: .path(path))
  }

  /// A cursor on the file behind a descriptor, which stays the caller's and may be closed at once.
  ///
  /// It is duplicated (fcntl(2), F_DUPFD_CLOEXEC); its file offset is neither used nor moved.
  ///
  /// - Throws: as for a path; `.openFailed` with EBADF for a closed descriptor, EACCES for one open for writing only.
  public func cursor(for descriptor: FileDescriptor) throws(MapError) -> WindowCursor {
    try cursor(for: .descriptor(descriptor))
  }

  /// A cursor on what a source stands for: a path, a descriptor, or a name that the backend knows.
  ///
  /// - Throws: as for a path; `.unsupported` for a name that means nothing to the backend.
  public func cursor(for source: FileSource) throws(MapError) -> WindowCursor {
    let attachment = try core.attach(source)
    return WindowCursor(core: core, source: source, attachment: attachment)
  }

  /// A cursor on the file at a path, without blocking the calling thread: for tasks.
  ///
  /// - Throws: as `cursor(for:)`; `.cancelled` if the task is cancelled before the file is being opened.
  public func open(_ path: FilePath) async throws(MapError) -> WindowCursor {
    try await open(.path(path))
  }

  /// A cursor on an open file, without blocking the calling thread: for tasks. The descriptor stays yours, and must stay open until the
  /// cursor is there.
  ///
  /// - Throws: what `cursor(for:)` throws; `.cancelled`.
  public func open(_ descriptor: FileDescriptor) async throws(MapError) -> WindowCursor {
    try await open(.descriptor(descriptor))
  }

  /// A cursor on what a source stands for, without blocking the calling thread: for tasks.
  ///
  /// The file is opened on a thread of the manager's, of which there are up to four, started when they are needed; an
  /// `AsynchronousProvider` opens it by its own means.
  ///
  /// - Throws: as `cursor(for:)`; `.cancelled` if the task is cancelled before the file is being opened.
  public func open(_ source: FileSource) async throws(MapError) -> WindowCursor {
    let attachment = try await core.attach(awaiting: source)
    return WindowCursor(core: core, source: source, attachment: attachment)
  }

  /// Starts bringing parts of a file into memory and returns at once, without waiting for the disk.
  ///
  /// With mmap the kernel is asked to read them into the page cache (madvise(2), MADV_WILLNEED for each range), where a
  /// later `use` finds them; no window is loaded and the budget is not touched. Backends that read load the windows of the
  /// ranges, all at once, as far as the budget goes. A hint: what can't be had is not reported here but to who uses it.
  ///
  /// - Parameters:
  ///   - path: the file's.
  ///   - ranges: offsets in bytes; what lies past the end of the file is left out.
  /// - Precondition: no range begins below 0.
  /// - Throws: what `cursor(for:)` throws.
  /// - Complexity: O(windows) with backends that read. With mmap O(bytes), for what the page cache lacks: the kernel gives
  ///   all of it pages before the call returns, which takes a third of a second and more for each GiB.
  public func prefetch(_ path: FilePath, ranges: [Range<Int64>]) throws(MapError) {
    precondition(ranges.allSatisfy { $0.lowerBound >= 0 }, "offsets must not be negative")
    let cursor = try cursor(for: path)
    core.prefetch(cursor.edition, ranges)
  }

  /// The windows of a file from its start, one after the other, each loaded ahead of the task that reads it.
  ///
  /// ```swift
  /// for try await window in maps.windows(of: "/data/log", readAhead: 4) {
  ///   window.withBytes { parse($0) }
  /// }
  /// ```
  ///
  /// No thread of the task's executor waits for a disk. The file's size is the one found by the first step; with a static
  /// manager there is one window.
  ///
  /// - Parameters:
  ///   - path: the file; it is opened by the first step.
  ///   - readAhead: how many windows beyond the one at hand are being loaded. What all walks read ahead lies in half of the budget at
  ///     most, and is the last to leave for others. With mmap it lies in the page cache, outside the budget, and the next window alone is
  ///     mapped.
  /// - Precondition: `readAhead` is not negative.
  public func windows(of path: FilePath, readAhead: Int = 4) -> MapWindows {
    precondition(readAhead >= 0, "the number of windows to read ahead must not be negative")
    return MapWindows(maps: self, path: path, readAhead: readAhead)
  }

  /// Swaps the eviction policy while everything runs. Regions stay loaded, and the new policy starts from the old one's
  /// order. O(regions), under the lock.
  public func setPolicy(_ policy: some EvictionPolicy) {
    core.setPolicy(policy)
  }

  /// Unloads every window that nobody uses and closes the descriptors of files without cursors.
  ///
  /// O(windows) and a madvise(2) for each run of them.
  ///
  /// - Returns: how many windows were unloaded.
  @discardableResult
  public func collect() -> Int { core.collect() }

  /// The same for files whose paths begin with `path`: before a directory is removed or a disk unmounted.
  ///
  /// Paths are compared component by component, as they were given to `cursor(for:)`. Files with cursors stay open.
  ///
  /// - Returns: how many windows were unloaded.
  @discardableResult
  public func unload(under path: FilePath) -> Int { core.unload(under: path) }

  /// What the manager did and holds. O(cursors + files), under the lock.
  public var statistics: MapStatistics { core.statistics }

  /// Ends service now: unloads all, closes all, and refuses new windows and cursors with `.shutdown`.
  ///
  /// Leases in force stay readable until they end, and give their windows back then: memory that a span shows is never
  /// taken away under it. Recordings and observations end. Idempotent; called by several threads at a time, it returns to
  /// none of them before all is closed.
  public func shutdown() { core.shutdown() }
}

/// Maps windows of one size on demand: for files larger than memory, and for many files under one budget.
public final class SlidingWindowMapManager: MapManager, @unchecked Sendable {
  /// The size of a window in bytes.
  public var windowSize: Int { Int(core.grid.windowSize) }

  /// The default window, 2 MiB: a huge page. Where the page cache holds a file in pieces that large, a window is mapped by
  /// one fault; its coming and going costs a few per cent of reading it; and a budget of 64 MiB still holds 32 of them.
  public static let defaultWindowSize = 2 << 20

  /// A manager for windows of `windowSize` bytes.
  ///
  /// - Parameters:
  ///   - backend: how windows get into memory.
  ///   - policy: which window goes when the budget is full; swapped later by `setPolicy`.
  ///   - budget: how much may be held.
  ///   - windowSize: in bytes; powers of two are fastest, multiples of 2 MiB let the kernel use huge pages. By default what the
  ///     backend prefers, else `defaultWindowSize`.
  ///   - pattern: how files are read; by default learned for each from its misses. See <doc:ReadingAhead>.
  ///   - changes: what is made of files that change while copies of them are held. See <doc:FilesThatChange>.
  /// - Precondition: `windowSize` is positive and a multiple of the page size.
  public init(
    backend: some RegionProvider = .automatic, policy: some EvictionPolicy = .lru,
    budget: some Budget = .automatic, windowSize: Int? = nil,
    pattern: AccessPattern = .learned, changes: FileChanges = .followed
  ) {
    let windowSize = Backend.windowSize(windowSize, of: backend)
    super.init(
      core: MapCore(
        provider: backend, policy: policy, budget: budget,
        grid: WindowGrid(windowSize: windowSize, pageSize: SystemPage.size), pattern: pattern,
        changes: changes))
  }
}

/// Maps files whole: one window each. For files that are read all over and fit the budget.
public final class StaticWindowMapManager: MapManager, @unchecked Sendable {
  /// A manager for whole files.
  ///
  /// - Parameters:
  ///   - backend: how files get into memory.
  ///   - policy: which file goes when the budget is full; swapped later by `setPolicy`.
  ///   - budget: how much may be held. A file larger than a soft budget is served all the same, as an overshoot; not as a
  ///     copy, of which budgets are hard.
  ///   - pattern: how files are read. A file that misses but once teaches nothing, so learned means `.normal` here.
  ///   - changes: what is made of files that change while copies of them are held. See <doc:FilesThatChange>.
  public init(
    backend: some RegionProvider = .automatic, policy: some EvictionPolicy = .lru,
    budget: some Budget = .automatic, pattern: AccessPattern = .learned,
    changes: FileChanges = .followed
  ) {
    super.init(
      core: MapCore(
        provider: backend, policy: policy, budget: budget, grid: .wholeFile, pattern: pattern,
        changes: changes))
  }
}
