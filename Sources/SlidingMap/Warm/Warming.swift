import MapProtocols

/// One call of `warm` or `lockInMemory`: files are looked at, then read, by a few threads that end with it.
///
/// Of maps the files are read outside the core, which only lends handles: what is to be filled is the page cache. Of copies windows are
/// used, by cursors.
final class Warming: @unchecked Sendable {
  let core: MapCore
  private let crew: ServiceCrew
  private let limit: Int?
  /// Whether what was brought in is to stay: then the first failure ends all.
  let isLocking: Bool
  private let progress: (@Sendable (WarmUp) -> Void)?
  private let files: [WarmFile]
  private let monitor = Monitor(isScheduled: false)
  /// Held by who tells of progress.
  private let teller = Monitor(isScheduled: false)

  // Guarded by `monitor`.
  private var looked = 0
  private var lookedAt = 0
  /// Nil before all files were looked at.
  private var plan: WarmPlan?
  private var report = WarmUp()
  private var isFull = false
  private var locks: [MemoryLock.Part] = []
  /// Of the bytes warmed, those that were told of.
  private var told = 0

  /// How many threads read. Enough for a disk, and where pages are only taken note of, for several.
  static let threads = 4
  /// Bytes that are read between two looks whether to go on.
  private static let piece = 2 << 20
  /// The bytes after which progress is told at the latest; a hundredth of all, where that is less.
  private static let mostUntold = 64 << 20

  init(
    _ core: MapCore, _ sources: [FileSource], _ ranges: [Range<Int64>]?, limit: Int?,
    isLocking: Bool, _ progress: (@Sendable (WarmUp) -> Void)?
  ) {
    self.core = core
    crew = ServiceCrew()
    self.limit = limit
    self.isLocking = isLocking
    self.progress = progress
    files = sources.map { WarmFile($0, at: core.primary.provider.resolve($0), ranges) }
    report.filesAsked = files.count
  }

  /// Does it all.
  ///
  /// - Throws: `.cancelled`, `.shutdown`, `.forked`.
  func run() async throws(MapError) -> WarmUp {
    if core.isForked { throw MapError(.forked) }
    if Task.isCancelled { throw MapError(.cancelled) }
    if !core.warmings.enter(crew) { throw MapError(.shutdown) }
    await crew.run(threads: Self.threads) { [self] in
      work()
    } end: { [self] in
      tell(atEnd: true)
    }
    core.warmings.leave(crew)
    if let reason = crew.stopped { throw MapError(reason) }
    return snapshot()
  }

  deinit { if isLocking { _ = takeLock() } }

  /// What keeps the bytes in memory, after `run`.
  func takeLock() -> MemoryLock {
    let parts = locked {
      defer { locks = [] }
      return locks
    }
    if parts.isEmpty { return MemoryLock(core, [], byteCount: 0) }
    let byteCount = files.reduce(0) { sum, file in
      file.ranges.reduce(sum) { $0.addingSaturated($1.pagedByteCount) }
    }
    return MemoryLock(core, parts, byteCount: byteCount)
  }

  private func locked<R>(_ body: () -> R) -> R {
    monitor.lock()
    defer { monitor.unlock() }
    return body()
  }

  // MARK: The threads

  private func work() {
    while let file = nextToLookAt() {
      attempt(file) { () throws(MapError) in try look(at: file) }
      noteLook()
    }
    waitForLooks()
    while let stretch = nextStretch() {
      attempt(stretch.file) { () throws(MapError) in try bringIn(stretch) }
      noteEnd(of: stretch)
    }
  }

  private func attempt(_ file: WarmFile, _ body: () throws(MapError) -> Void) {
    do throws(MapError) {
      try body()
    } catch {
      if error.code == .shutdown { return crew.stop(.shutdown) }
      locked {
        // The plan is what the budget holds; others have pinned some of it.
        if error.code == .budgetExhausted && plan != nil && !isLocking {
          isFull = true
        } else {
          file.fail(error)
          isFull = isFull || isLocking
        }
      }
    }
  }

  private var isAtEnd: Bool { crew.stopped != nil || locked { isFull } }

  // MARK: Looking at files

  private func nextToLookAt() -> WarmFile? {
    if isAtEnd { return nil }
    return locked {
      if looked == files.count { return nil }
      looked += 1
      return files[looked - 1]
    }
  }

  private func noteLook() {
    locked {
      lookedAt += 1
      monitor.broadcast()
    }
  }

  /// Waits until all files were looked at; the last thread plans.
  private func waitForLooks() {
    locked {
      // Who ends early starts no more.
      while lookedAt < looked { monitor.wait() }
      if plan == nil && looked == files.count { makePlan() }
    }
  }

  private func look(at file: WarmFile) throws(MapError) {
    if core.primary.isCopying {
      let attachment = try core.attach(file.place)
      let cursor = SharedCursor(
        WindowCursor(core: core, source: file.place, attachment: attachment))
      file.note(size: cursor.fileSize, isLocking: isLocking)
      file.note(cursor: cursor)
      // All of them are to be there at a time, so none need to be loaded to find that out.
      if isLocking
        && core.exceedsBudget(file.ranges, fileSize: file.size, of: cursor.edition)
      {
        throw MapError(.budgetExhausted)
      }
      return
    }
    let (opened, backend) = try core.borrowHandle(file.place)
    defer { core.returnHandle(opened.handle, of: backend) }
    file.note(size: opened.status.size, isLocking: isLocking)
    file.note(status: opened.status)
    if isLocking && !file.ranges.isEmpty {
      file.note(map: try LockedMap(core, opened.handle, of: backend, file.ranges))
    }
  }

  /// Decides what is to be read. Called once, under the lock.
  private func makePlan() {
    for file in files where file.failure == nil {
      report.bytesAsked = report.bytesAsked.addingSaturated(file.bytesAsked)
      if file.bytesAsked == 0 { report.filesWarmed += 1 }
    }
    plan = WarmPlan(core, files, limit: limit, isLocking: isLocking)
  }

  // MARK: Reading

  private func nextStretch() -> WarmPlan.Stretch? {
    isAtEnd ? nil : locked { plan?.next() }
  }

  private func bringIn(_ stretch: WarmPlan.Stretch) throws(MapError) {
    if let cursor = stretch.file.cursor {
      try load(stretch, cursor)
      tell()
    } else if let map = stretch.file.map {
      try keep(stretch, map)
    } else {
      try read(stretch)
    }
  }

  /// Brings a stretch of a file into the page cache. Who is told of progress may want a handle: he is told while this thread has none.
  ///
  /// - Returns: how many bytes.
  @discardableResult
  private func read(_ stretch: WarmPlan.Stretch) throws(MapError) -> Int {
    var rest = stretch.range
    var count = 0
    while !rest.isEmpty && !isAtEnd {
      rest = try readSome(of: rest, stretch.file, &count)
      tell()
    }
    return count
  }

  /// Opens a file once more and reads until there is something to tell.
  ///
  /// - Returns: what is left; nothing at the end of a file that was cut short, nor of one to be locked to which its path leads no more: the
  ///   map has it.
  /// - Throws: `.fileChanged` if the path of one that is only read leads elsewhere.
  private func readSome(
    of range: Range<Int64>, _ file: WarmFile, _ done: inout Int
  ) throws(MapError) -> Range<Int64> {
    let nothing = range.upperBound..<range.upperBound
    let (opened, backend): (OpenedFile, Backend)
    do throws(MapError) {
      (opened, backend) = try core.borrowHandle(file.place)
    } catch {
      if error.code == .shutdown { throw error }
      if isLocking { return nothing }
      if error.errno != .noSuchFileOrDirectory { throw error }
      throw MapError(.fileChanged, errno: error.errno)
    }
    defer { core.returnHandle(opened.handle, of: backend) }
    if isLocking && !file.isSame(opened.status) { return nothing }
    if file.isOther(opened.status) { throw MapError(.fileChanged) }
    return try read(range, opened.handle, backend) { count in
      note(count, of: file)
      done += count
      return isWorthTelling
    }
  }

  /// Reads piece by piece, until `note` says so, or the file ends.
  ///
  /// - Returns: what is left.
  private func read(
    _ range: Range<Int64>, _ handle: Handle, _ backend: Backend, note: (Int) -> Bool
  ) throws(MapError) -> Range<Int64> {
    var rest = range
    while !rest.isEmpty && !isAtEnd {
      let piece = rest.firstBytes(Self.piece)
      let count = try backend.warm(handle, piece)
      rest = (count < piece.count ? rest : piece).upperBound..<rest.upperBound
      if note(count) { break }
    }
    return rest
  }

  // MARK: Keeping

  /// Brings a stretch of a map into the page cache, and locks it there: it is read, so that a task can be cancelled meanwhile, and the map
  /// has what is not there read once more.
  private func keep(_ stretch: WarmPlan.Stretch, _ map: LockedMap) throws(MapError) {
    let count = try read(stretch)
    if isAtEnd { return }
    do throws(MapError) {
      try map.lock(stretch.range, ofRange: stretch.index)
    } catch {
      throw reason(for: error, stretch)
    }
    locked {
      if !stretch.file.isKept { locks.append(.map(map)) }
      stretch.file.isKept = true
    }
    note(stretch.range.count - count, of: stretch.file)
  }

  /// What it means that a stretch could not be locked. It is within the limit, as that was counted before: so pages can't be had, because
  /// the file was cut short or a disk fails, or the system has no memory.
  private func reason(for failure: MapError, _ stretch: WarmPlan.Stretch) -> MapError {
    do throws(MapError) {
      let (opened, backend) = try core.borrowHandle(stretch.file.place)
      defer { core.returnHandle(opened.handle, of: backend) }
      if !stretch.file.isSame(opened.status) { return failure }
      if opened.status.size < stretch.range.upperBound {
        return MapError(.fileTruncated, range: stretch.range, errno: failure.errno)
      }
      _ = try read(stretch.range, opened.handle, backend) { _ in false }
      return failure
    } catch {
      return [.readFailed, .shutdown].contains(error.code) ? error : failure
    }
  }

  /// Loads the windows of a stretch.
  private func load(_ stretch: WarmPlan.Stretch, _ shared: SharedCursor) throws(MapError) {
    var cursor = shared.copy()
    var range = stretch.range
    do throws(MapError) {
      try cursor.use(at: range.lowerBound, count: range.count)
    } catch {
      if isLocking || error.code != .fileTruncated { throw error }
      // What is left of it is used by who reads it.
      return
    }
    range = cursor.range
    if isLocking && range != stretch.range {
      throw MapError(.fileTruncated, range: stretch.range)
    }
    if isLocking { try keep(cursor) }
    note(range.count, of: stretch.file)
  }

  private func keep(_ cursor: consuming WindowCursor) throws(MapError) {
    let range = cursor.range
    let lease = SharedCursor(cursor)
    let addresses: Range<UInt>
    do {
      addresses = try lease.lock(by: core.lockedAddresses)
    } catch {
      throw MapError(.lockedMemoryExhausted, range: range, errno: error)
    }
    locked { locks.append(.lease(lease, addresses)) }
  }

  // MARK: What was done

  private func note(_ count: Int, of file: WarmFile) {
    locked {
      file.bytesWarmed += count
      report.bytesWarmed += count
    }
  }

  private func noteEnd(of stretch: WarmPlan.Stretch) {
    locked {
      guard stretch.file.isWarm, !stretch.file.isCounted else { return }
      stretch.file.isCounted = true
      report.filesWarmed += 1
    }
  }

  /// Whether as much was done since it was told last that it is worth it. What is all is told at the end.
  private var isWorthTelling: Bool {
    if progress == nil { return false }
    return locked {
      let step = max(min(Self.mostUntold, report.bytesAsked / 100), 1)
      return report.bytesWarmed - told >= step && report.bytesWarmed != report.bytesAsked
    }
  }

  /// Tells of progress if that is worth it, unless another thread is about it. Called without a handle.
  private func tell(atEnd: Bool = false) {
    guard let progress else { return }
    if atEnd { teller.lock() } else if !isWorthTelling || !teller.tryLock() { return }
    defer { teller.unlock() }
    // Nobody waits for it any more; or another thread has told.
    if crew.stopped != nil || !atEnd && !isWorthTelling { return }
    let report = snapshot()
    // All by now, which is told at the end.
    if !atEnd && report.bytesWarmed == report.bytesAsked { return }
    locked { told = report.bytesWarmed }
    progress(report)
  }

  private func snapshot() -> WarmUp {
    locked {
      var report = report
      report.failures = files.compactMap(\.failure)
      return report
    }
  }
}
