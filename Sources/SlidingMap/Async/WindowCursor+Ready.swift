public import MapProtocols

extension WindowCursor {
  /// Brings bytes into memory without blocking the calling thread, so that a `use` of them does not wait for the disk.
  ///
  /// Returns at once where they are there already. Otherwise the task is suspended: the ring reads the windows, or, with
  /// mmap, a thread of the backend maps the pages (preadv2(2) with RWF_NOWAIT tells which are there; MADV_POPULATE_READ
  /// brings the others). The cursor's lease stays as it is, and nothing is pinned: should the budget be so tight that the
  /// windows leave again before the `use`, that one loads them. Bytes of a file that is read without windows, for lack of
  /// addresses or descriptors, are not brought anywhere.
  ///
  /// - Parameters:
  ///   - offset: in bytes from the start of the file.
  ///   - count: in bytes; cut at the end of the file.
  /// - Precondition: `offset` and `count` are not negative.
  /// - Throws: what `use(at:count:)` throws; `.cancelled` as soon as the task is cancelled. The load goes on then
  ///   if others wait for it; else the backend is asked to end it.
  public func ready(at offset: Int64, count: Int) async throws(MapError) {
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
