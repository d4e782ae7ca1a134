public import MapProtocols
public import SystemPackage

extension MapManager {
  /// Brings a file, or parts of it, into memory, and waits for that without blocking the calling thread; see `warm`
  /// of a source.
  ///
  /// - Throws: what that throws.
  @discardableResult
  public func warm(
    _ path: FilePath, ranges: [Range<Int64>]? = nil, limit: Int? = nil,
    progress: (@Sendable (WarmUp) -> Void)? = nil
  ) async throws(MapError) -> WarmUp {
    try await warm(.path(path), ranges: ranges, limit: limit, progress: progress)
  }

  /// Brings a file, or parts of it, into memory before they are used, as for a model's weights or an index: as fast as the disk reads,
  /// without blocking the calling thread.
  ///
  /// ```swift
  /// let warmUp = try await maps.warm("/models/weights.bin") { print($0.bytesWarmed, "of", $0.bytesAsked) }
  /// if !warmUp.isComplete { print("it does not fit") }
  /// ```
  ///
  /// With mmap the page cache is filled, where the next uses find the bytes: no window is loaded and no budget of bytes touched, and the
  /// system takes back what it needs. Backends that read load the windows, as far as the budget goes; what nobody uses makes room for
  /// them. Up to four threads read, which end with the call: sendfile(2) to /dev/null with mmap, so that nobody looks at the bytes; else
  /// uses. They hold a handle each, which counts in the budget.
  ///
  /// - Parameters:
  ///   - source: the file. A descriptor must stay open until this returns.
  ///   - ranges: offsets in bytes; they may overlap, and what lies past the end of the file is left out. Nil is the whole file.
  ///   - limit: the most bytes to bring in, from the start of the first range on. Nil is half of the memory that is to be had with mmap,
  ///     or of the control group's; with backends that read it is the budget, which bounds any other limit as well.
  ///   - progress: told of what was done, on a thread of the library's, by one at a time: after each hundredth of the bytes or each
  ///     64 MiB, and once at the end. Values only grow.
  /// - Returns: what was brought in. Less than was asked for where the limit or the budget held no more, or the file was cut short.
  /// - Precondition: no range begins below 0, and `limit` is not negative.
  /// - Throws: what `cursor(for:)` throws; `.readFailed`; `.fileChanged` for a path that leads to another file, or nowhere, before all of
  ///   it was read with mmap, where the file is opened again for each 64 MiB: no byte of another file counts; `.cancelled` as soon as the
  ///   task is cancelled, while the threads end after at most 2 MiB, or a stretch of windows, more; `.shutdown`.
  /// - Complexity: O(bytes).
  @discardableResult
  public func warm(
    _ source: FileSource, ranges: [Range<Int64>]? = nil, limit: Int? = nil,
    progress: (@Sendable (WarmUp) -> Void)? = nil
  ) async throws(MapError) -> WarmUp {
    let warmUp = try await warm([source], ranges, limit: limit, progress)
    if let failure = warmUp.failures.first { throw failure }
    return warmUp
  }

  /// Brings several files into memory, like `warm(_:ranges:limit:progress:)` of one: all are read at the same time, in the order in which
  /// they are given where there is a limit.
  ///
  /// A file that can't be opened or read keeps none of the others from coming: its error is among the `failures` of what is returned.
  ///
  /// - Parameters:
  ///   - sources: thousands, too; no more than four are open at a time with mmap. One that is given twice is read twice.
  ///   - limit: the most bytes to bring in of all of them.
  ///   - progress: as for one file.
  /// - Precondition: `limit` is not negative.
  /// - Throws: `.cancelled`, `.shutdown`, `.forked`.
  /// - Complexity: O(files + bytes).
  public func warm(
    _ sources: [FileSource], limit: Int? = nil, progress: (@Sendable (WarmUp) -> Void)? = nil
  ) async throws(MapError) -> WarmUp {
    try await warm(sources, nil, limit: limit, progress)
  }

  private func warm(
    _ sources: [FileSource], _ ranges: [Range<Int64>]?, limit: Int?,
    _ progress: (@Sendable (WarmUp) -> Void)?
  ) async throws(MapError) -> WarmUp {
    precondition(limit ?? 0 >= 0, "the limit must not be negative")
    checkOffsets(ranges)
    return try await Warming(core, sources, ranges, limit: limit, isLocking: false, progress).run()
  }

  private func checkOffsets(_ ranges: [Range<Int64>]?) {
    precondition(
      ranges?.allSatisfy { $0.lowerBound >= 0 } ?? true, "offsets must not be negative")
  }

  // MARK: Keeping

  /// Brings a file, or parts of it, into memory and keeps them there; see `lockInMemory(_:ranges:progress:)` of a source.
  public func lockInMemory(
    _ path: FilePath, ranges: [Range<Int64>]? = nil,
    progress: (@Sendable (WarmUp) -> Void)? = nil
  ) async throws(MapError) -> MemoryLock {
    try await lockInMemory(.path(path), ranges: ranges, progress: progress)
  }

  /// Brings a file, or parts of it, into memory and keeps them there as long as what is returned lives: for what must never wait for a
  /// disk.
  ///
  /// ```swift
  /// let lock = try await maps.lockInMemory("/data/index", ranges: [0..<1 << 20])
  /// defer { lock.unlock() }
  /// ```
  ///
  /// With mmap the file is mapped once more, and the pages of the ranges are locked in that map (mlock(2)): so they stay in the page
  /// cache, from which all windows of the file come, while windows load and unload as ever. That map counts in the budgets of addresses and
  /// kernel maps, not of bytes: each run of pages is one map, and as many addresses. With backends that read the windows are loaded and
  /// leased, and their memory locked: they count as all windows do, and the kernel maps into which locking divides their memory don't.
  ///
  /// Of a path that leads to another file, meanwhile or later, the one that was found first is locked. A file that is cut short loses its
  /// pages.
  ///
  /// - Parameters:
  ///   - source: the file. A descriptor must stay open until this returns.
  ///   - ranges: offsets in bytes, rounded to whole pages; what lies past the end of the file is left out. Nil is the whole file.
  ///   - progress: as for `warm`, of whole pages.
  /// - Precondition: no range begins below 0.
  /// - Throws: what `warm` throws; `.lockedMemoryExhausted` where that many bytes may not be locked, with ENOMEM at RLIMIT_MEMLOCK and
  ///   EPERM where that is 0, with mmap before anything is read; and where pages can't be had of a file to which its path leads no more.
  ///   `.fileTruncated` for a file that is cut short meanwhile; `.addressSpaceExhausted`, `.notMappable`; `.budgetExhausted` where windows
  ///   that are copies are more than the budget holds, before any is loaded. Nothing stays locked then; but after `.cancelled` what was
  ///   locked stays so until the reads under way have ended.
  /// - Complexity: O(bytes).
  public func lockInMemory(
    _ source: FileSource, ranges: [Range<Int64>]? = nil,
    progress: (@Sendable (WarmUp) -> Void)? = nil
  ) async throws(MapError) -> MemoryLock {
    checkOffsets(ranges)
    let warming = Warming(core, [source], ranges, limit: nil, isLocking: true, progress)
    let warmUp = try await warming.run()
    let lock = warming.takeLock()
    if let failure = warmUp.failures.first { throw failure }
    return lock
  }

  // MARK: Asking

  /// How many bytes of a file, or of a range of it, are in memory, so that using them waits for no disk; nil where nobody can tell.
  ///
  /// With mmap the page cache is asked, which does not tell everybody, as what is in memory says what others read: by cachestat(2), those
  /// bytes included that are being read just now, if you own the file or may write it; before Linux 6.5 by mincore(2), if you own it or
  /// are root. With backends that read they are those of loaded windows.
  ///
  /// - Parameters:
  ///   - source: the file.
  ///   - range: offsets in bytes; what lies past the end of the file is left out. Nil is the whole file.
  /// - Returns: in whole pages, but no more than the range has.
  /// - Precondition: the range does not begin below 0.
  /// - Throws: what `cursor(for:)` throws.
  /// - Complexity: O(pages in memory), before Linux 6.5 O(pages of the range); O(windows loaded of the file) with backends that read.
  public func residentBytes(
    of source: FileSource, in range: Range<Int64>? = nil
  ) throws(MapError) -> Int? {
    precondition(range?.lowerBound ?? 0 >= 0, "offsets must not be negative")
    if core.primary.isCopying {
      let cursor = try cursor(for: source)
      let size = cursor.fileSize
      return core.loadedBytes(of: cursor.edition, in: (range ?? 0..<size).clamped(to: 0..<size))
    }
    if core.isForked { throw MapError(.forked, source: source) }
    let (opened, backend) = try core.borrowHandle(source)
    defer { core.returnHandle(opened.handle, of: backend) }
    let size = opened.status.size
    return backend.residentBytes(
      of: opened.handle, in: (range ?? 0..<size).clamped(to: 0..<size))
  }

  /// The same of the file at a path.
  public func residentBytes(
    of path: FilePath, in range: Range<Int64>? = nil
  ) throws(MapError) -> Int? {
    try residentBytes(of: .path(path), in: range)
  }
}
