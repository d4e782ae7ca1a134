#if Schedule
  import MapTesting
  import SlidingMap

  /// A cursor and what it may show.
  final class Reader: @unchecked Sendable {
    // One thread uses it at a time; the scheduler sees to that.
    var cursor: WindowCursor
    /// The files that it may be on.
    private(set) var files: [VirtualFile]
    /// When it looked at its file last.
    private(set) var looked: Int
    /// Until when that look was made, where it may show no later version.
    private var lookedUntil: Int
    private let isOfOneVersion: Bool
    /// Whether zeros were shown that stand for something else, and nobody was told yet.
    private(set) var isUntold = false
    /// The windows of its lease, and when that began.
    private var lease: (windows: ClosedRange<Int64>, began: Int)?
    private let windowSize: Int64
    private let all: VirtualFiles
    private let scheduler: Scheduler

    init(
      _ cursor: consuming WindowCursor, on files: [VirtualFile], looked: Int,
      isOfOneVersion: Bool = false, windowSize: Int64, _ all: VirtualFiles, _ scheduler: Scheduler
    ) {
      self.cursor = cursor
      self.files = files
      self.looked = looked
      self.isOfOneVersion = isOfOneVersion
      lookedUntil = scheduler.step
      self.windowSize = windowSize
      self.all = all
      self.scheduler = scheduler
      checkSize()
    }

    deinit { all.endLease(self) }

    var size: Int64 { cursor.fileSize }

    /// The steps in which the file may have been as it shows it.
    private var steps: ClosedRange<Int> { looked...(isOfOneVersion ? lookedUntil : .max) }

    /// Its size must be one that the file had since it began to look.
    private func checkSize() {
      let size = cursor.fileSize
      let fitting = files.filter { file in
        file.versions(in: steps).contains { $0.size == size }
      }
      if fitting.isEmpty {
        let sizes = files.map { file in file.versions(in: steps).map(\.size) }
        scheduler.fail("knows \(size) bytes of files that had \(sizes)")
      }
      files = fitting
    }

    func use(at offset: Int64, count: Int) throws(MapError) {
      endLease()
      let start = scheduler.step
      let windows = offset / windowSize...(offset + Int64(max(count, 1)) - 1) / windowSize
      let mayStay =
        offset < size
        && (lease.map {
          $0.windows.contains(windows.lowerBound) && $0.windows.contains(windows.upperBound)
        } ?? false)
      let isInside: Bool
      do throws(MapError) {
        isInside = try cursor.use(at: offset, count: count)
      } catch {
        (isUntold, lease) = (false, nil)
        throw error
      }
      if isUntold && !mayStay { scheduler.fail("goes on, and nobody was told of missing bytes") }
      if !mayStay { lease = isInside ? (windows, start) : nil }
      if isInside != (offset < size) || isInside != cursor.isValid {
        scheduler.fail("use at \(offset) of \(size) bytes says \(isInside)")
      }
      if !isInside { return }
      let end = offset + Int64(min(Int64(count), size - offset))
      if cursor.range != offset..<end || byteCount(cursor) != Int(end - offset) {
        scheduler.fail("shows \(cursor.range) for \(offset)..<\(end)")
      }
      check()
      beginLease(cursor)
    }

    /// What it shows must be right as long as it is shown.
    func check() {
      if !cursor.isValid { return }
      let start = cursor.range.lowerBound
      if let file = check(cursor, at: start) { files = [file] }
      guard let since = all.missingSince else { return }
      isUntold = true
      if let lease, since < lease.began {
        scheduler.fail("shows zeros that were known before the lease")
      }
    }

    /// Asks whether all was there.
    func ask() throws(MapError) {
      endLease()
      do throws(MapError) {
        try cursor.check()
      } catch {
        (isUntold, lease) = (false, nil)
        throw error
      }
      if isUntold { scheduler.fail("is not told of missing bytes") }
      if cursor.isValid { beginLease(cursor) }
    }

    // A class can't hand out a span of what it stores, but lend what it stores.

    private func check(_ cursor: borrowing WindowCursor, at start: Int64) -> VirtualFile? {
      all.check(cursor.bytes, at: start, of: files, in: steps)
    }

    private func byteCount(_ cursor: borrowing WindowCursor) -> Int { cursor.bytes.byteCount }

    private func beginLease(_ cursor: borrowing WindowCursor) {
      all.beginLease(self, cursor.bytes)
    }

    func endLease() {
      check()
      all.endLease(self)
    }

    func refresh() throws(MapError) {
      endLease()
      let start = scheduler.step
      try cursor.refresh()
      if !cursor.isValid { lease = nil }
      looked = start
      lookedUntil = scheduler.step
      checkSize()
      check()
      if cursor.isValid { beginLease(cursor) }
    }

    func release() {
      endLease()
      cursor.release()
      lease = nil
    }

    func copy() -> Reader {
      check()
      let reader = Reader(
        cursor.copy(), on: files, looked: looked, isOfOneVersion: isOfOneVersion,
        windowSize: windowSize, all, scheduler)
      (reader.isUntold, reader.lease) = (isUntold, lease)
      reader.lookedUntil = lookedUntil
      if reader.cursor.isValid { reader.beginLease(reader.cursor) }
      return reader
    }
  }
#endif
