import FuzzSupport
import SlidingMap

/// A cursor that knows what it should show.
struct Reader: ~Copyable {
  private var cursor: WindowCursor
  let file: ModelFile
  /// The file's version when the cursor was made, or last refreshed.
  private(set) var version: Int
  private var size: Int
  /// What the lease shows: an offset and the bytes as they were.
  private var lease: (start: Int, bytes: [UInt8])?

  init(_ cursor: consuming WindowCursor, _ file: ModelFile) {
    let shown = Int(cursor.fileSize)
    if shown != file.size { fail("opened with \(shown) bytes, not \(file.size)") }
    self.cursor = cursor
    self.file = file
    version = file.latest
    size = file.size
  }

  private init(_ cursor: consuming WindowCursor, copyOf other: borrowing Reader) {
    self.cursor = cursor
    file = other.file
    version = other.version
    size = other.size
    lease = other.lease
  }

  /// Whether it may hold windows.
  var holds: Bool { lease != nil }

  // MARK: Uses

  /// - Parameter awaits: whether a task waits for the bytes, so that the thread does not.
  mutating func use(at offset: Int64, count: Int?, awaits: Bool = false, _ around: Surroundings) {
    let range = shown(offset, count, around.setup)
    let what = "use(at: \(offset), count: \(count.map(String.init) ?? "-"), awaits: \(awaits))"
    log("\(name): \(what)")
    let isInside: Bool
    do throws(MapError) {
      if let count {
        isInside =
          try awaits ? lease(at: offset, count: count) : cursor.use(at: offset, count: count)
      } else {
        isInside = try cursor.use(at: offset)
      }
    } catch {
      explain(error, range, around, what)
      expectNothing("\(what), which threw \(error)")
      return
    }
    if isInside != (offset < Int64(size)) { fail("\(what) of \(size): \(isInside)") }
    lease = nil
    if !isInside {
      expectNothing(what)
      return
    }
    let seen = Int(cursor.range.lowerBound)..<Int(cursor.range.upperBound)
    if !cursor.isValid || seen != range || cursor.bytes.byteCount != range.count {
      fail(
        "\(what) of \(size): \(cursor.isValid), \(seen) for \(range), \(cursor.bytes.byteCount) bytes"
      )
    }
    lease = (range.lowerBound, [])
    look(around, what, isFirst: true)
  }

  /// A task can't have the cursor itself: it gets a copy, of which the cursor becomes one.
  private mutating func lease(at offset: Int64, count: Int) throws(MapError) -> Bool {
    let held = Held(cursor.copy())
    cursor.release()
    defer { cursor = held.cursor.copy() }
    try Awaiting.run { () async throws(MapError) in try await held.lease(at: offset, count: count) }
    return held.isInside
  }

  /// Looks at what the lease shows.
  mutating func look(_ around: Surroundings, _ what: String = "look", isFirst: Bool = false) {
    guard let lease else {
      expectNothing(what)
      return
    }
    let look = Look(
      cursor.bytes, at: lease.start, of: file, around.setup,
      around.setup.versions(of: file, since: version),
      earlier: isFirst ? nil : lease.bytes)
    if isFirst { self.lease = (lease.start, Reader.array(cursor.bytes)) }
    switch look {
    case .right: break
    case .missing: check(around, what, mustThrow: true)
    case .wrong:
      fail(
        "\(what) shows other bytes at \(lease.start), count \(cursor.bytes.byteCount), \(description)"
      )
    }
  }

  mutating func withBytes(at offset: Int64, count: Int, _ around: Surroundings) {
    let range = shown(offset, count, around.setup)
    let (file, setup, versions) = (
      file, around.setup, around.setup.versions(of: file, since: version)
    )
    let what = "withBytes(at: \(offset), count: \(count))"
    log("\(name): \(what)")
    do throws(MapError) {
      let (look, bytes) = try cursor.withBytes(at: offset, count: count) { bytes throws(MapError) in
        (Look(bytes, at: range.lowerBound, of: file, setup, versions), Reader.array(bytes))
      }
      if bytes.count != range.count || look != .right {
        fail("\(what): \(bytes.count) bytes for \(range), \(look), \(description)")
      }
      lease = offset < Int64(size) ? (range.lowerBound, bytes) : nil
    } catch {
      explain(error, range, around, what)
      expectNothing("\(what), which threw \(error)")
    }
  }

  /// Asks whether bytes were missing.
  mutating func check(_ around: Surroundings, _ what: String = "check", mustThrow: Bool = false) {
    log("\(name): check for \(what)")
    do throws(MapError) {
      try cursor.check()
      if mustThrow { fail("\(what): nobody tells of zeros, \(description)") }
    } catch {
      if error.code != .fileTruncated && error.code != .readFailed || !file.wasCut
        || !around.setup.kind.mayMap
      {
        fail("\(what): \(error), \(description)")
      }
      expectNothing(what)
    }
  }

  // MARK: The rest

  mutating func release() {
    log("\(name): release")
    cursor.release()
    expectNothing("release")
  }

  mutating func refresh(_ around: Surroundings) {
    log("\(name): refresh")
    // A window under its own lease may have grown past a hard budget.
    let leased = lease.map { $0.start..<$0.start + $0.bytes.count } ?? 0..<0
    do throws(MapError) {
      try cursor.refresh()
      size = file.size
      version = file.latest
    } catch {
      explain(error, error.code == .budgetExhausted ? leased : 0..<0, around, "refresh")
    }
    if cursor.fileSize != Int64(size) { fail("refreshed to \(cursor.fileSize) bytes, not \(size)") }
    if !cursor.isValid {
      lease = nil
    } else if let lease {
      // It may have been cut.
      let end = max(min(lease.start + lease.bytes.count, size), lease.start)
      let range = Int(cursor.range.lowerBound)..<Int(cursor.range.upperBound)
      if range != lease.start..<end {
        fail(
          "a lease at \(lease.start) of \(lease.bytes.count) bytes, refreshed to \(size): \(range)")
      }
      self.lease = (lease.start, Array(lease.bytes.prefix(end - lease.start)))
      look(around, "look after refresh")
    } else {
      fail("a lease out of nothing")
    }
  }

  borrowing func copy() -> Reader { Reader(cursor.copy(), copyOf: self) }

  // MARK: What should be

  /// What a use shows: nothing at an offset past the end.
  private func shown(_ offset: Int64, _ count: Int?, _ setup: Setup) -> Range<Int> {
    if offset >= Int64(size) { return 0..<0 }
    let start = Int(offset)
    let rest = setup.windowSize.map { $0 - start % $0 } ?? size
    return start..<start + min(count ?? rest, size - start)
  }

  private mutating func expectNothing(_ what: String) {
    lease = nil
    if cursor.isValid || !cursor.bytes.isEmpty || !cursor.range.isEmpty {
      fail("after \(what) the cursor still shows \(cursor.range)")
    }
  }

  private var name: String { "cursor on file \(file.number)" }

  private func explain(
    _ error: MapError, _ range: Range<Int>, _ around: Surroundings, _ what: String
  ) {
    log("\(name): threw \(error)")
    if !error.isExplained(by: file, since: version, range, in: around) {
      fail("\(what) for \(range): \(error), \(description), \(around)")
    }
  }

  private var description: String {
    "a cursor of version \(version) of \(file.latest), \(size) of \(file.size) bytes, cut \(file.wasCut), lost \(file.mayBeLost)"
  }

  private static func array(_ span: RawSpan) -> [UInt8] {
    unsafe span.withUnsafeBytes { unsafe Array($0) }
  }
}
