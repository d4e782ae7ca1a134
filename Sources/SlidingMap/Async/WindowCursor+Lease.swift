public import MapProtocols

extension WindowCursor {
  /// Makes bytes readable as `use(at:count:)` does, but suspends the task where that would wait for a disk: for tasks, whose threads are
  /// few.
  ///
  /// Where the bytes are there, it does not suspend, and stays on the actor that calls it. Otherwise the ring reads the windows, or, with
  /// mmap, a thread of the backend maps the pages: MADV_POPULATE_READ. What is there preadv2(2) with RWF_NOWAIT tells of up to 16 KiB,
  /// /proc/self/pagemap of more. Should the budget be so tight that the windows leave again before the task goes on, or the file be read
  /// without windows for lack of addresses or descriptors, they are loaded as `use` does, and the thread waits.
  ///
  /// - Parameters:
  ///   - offset: in bytes from the start of the file.
  ///   - count: in bytes; at most what the budget holds if that is hard.
  /// - Returns: false if `offset` is at or past the end of the file; the cursor is invalid then.
  /// - Precondition: `offset` and `count` are not negative.
  /// - Throws: what `use(at:count:)` throws, and the cursor is invalid then; `.cancelled` as soon as the task is cancelled, and the old
  ///   lease stays. The load goes on then if others wait for it; else the backend is asked to end it.
  @discardableResult
  public nonisolated(nonsending) mutating func lease(
    at offset: Int64, count: Int
  ) async throws(MapError) -> Bool {
    do throws(MapError) {
      try await ready(at: offset, count: count)
    } catch {
      // As after a use that failed. Who was cancelled has asked for nothing.
      if error.code != .cancelled { release() }
      throw error
    }
    return try use(at: offset, count: count)
  }

  /// Brings the bytes into memory that `lease` is about to use. The lease stays as it is, and nothing is pinned.
  package nonisolated(nonsending) func ready(
    at offset: Int64, count: Int
  ) async throws(MapError) {
    precondition(offset >= 0, "the offset must not be negative")
    precondition(count >= 0, "the count must not be negative")
    if Task.isCancelled { throw MapError(.cancelled, source: source) }
    let count = min(Int64(count), max(fileSize - offset, 0))
    if count == 0 { return }
    let (core, edition, source) = (core, edition, source)
    let range = offset..<offset + count
    do throws(MapError) {
      try await core.makeReady(edition, range)
    } catch {
      throw error.of(range).about(source)
    }
  }
}
