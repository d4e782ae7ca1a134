public import MapProtocols

/// Pages of maps that could not be had while somebody looked at them: the guard put zeros there, and here the cursor says so.
extension WindowCursor {
  /// Says whether bytes were missing that the cursor has shown since it took its lease, or before, and of which nobody was told yet: zeros
  /// stood for them, as the file was cut short or its disk failed.
  ///
  /// `withBytes` asks by itself after its body, and so does the next `use` outside the lease. Who looks at `bytes` asks when he has read
  /// them and before he believes them:
  ///
  /// ```swift
  /// try cursor.use(at: 4096, count: 512)
  /// let header = parse(cursor.bytes)
  /// try cursor.check()
  /// ```
  ///
  /// Nothing is missing of bytes that were read instead of mapped. O(1); where something is missing, a pread(2) to find out why.
  ///
  /// - Throws: `.fileTruncated`, or `.readFailed` where the file is as it was; the cursor is not valid then, and what was missing is told.
  public mutating func check() throws(MapError) {
    noteMissing()
    guard let missing = untold else { return }
    endLease()
    untold = nil
    throw core.reasonForMissing(missing.range, in: missing.edition).about(source)
  }

  /// The same for the bytes that are shown now, and for them alone.
  @usableFromInline
  mutating func checkShown() throws(MapError) {
    guard let error = errorOfShown() else { return }
    endLease()
    throw error
  }

  /// Calls `body` with the bytes that are shown, and looks afterwards whether they were all there, also where it throws: it may have been
  /// led astray by zeros.
  @usableFromInline
  @inline(__always)
  mutating func lendChecked<R>(
    _ body: (RawSpan) throws(MapError) -> R
  ) throws(MapError) -> R {
    let result: R
    do throws(MapError) {
      result = try body(bytes)
    } catch {
      try checkShown()
      throw error
    }
    try checkShown()
    return result
  }

  /// The same for a `body` that throws errors of its own.
  @usableFromInline
  @inline(__always)
  mutating func lendChecked<R>(throwing body: (RawSpan) throws -> R) throws -> R {
    let result: R
    do {
      result = try body(bytes)
    } catch {
      try checkShown()
      throw error
    }
    try checkShown()
    return result
  }

  /// What `checkShown` throws, for who can't or need not end the lease.
  func errorOfShown() -> MapError? {
    missingOfShown().map { core.reasonForMissing($0.range, in: $0.edition).about(source) }
  }

  /// What is missing of the bytes that are shown.
  func missingOfShown() -> Missing? {
    if !edition.isPoisoned || held != nil { return nil }
    let shown = range
    guard let first = edition.poison.firstMissing(in: shown) else { return nil }
    return Missing(range: first..<shown.upperBound, edition: edition)
  }

  /// Keeps in mind what is missing of the lease, which is about to end.
  mutating func noteMissing() {
    if !edition.isPoisoned || held != nil || untold != nil || state.leaseLength == 0 { return }
    let lease = Int64(state.leaseStart)..<Int64(state.leaseStart + state.leaseLength)
    guard let first = edition.poison.firstMissing(in: lease) else { return }
    untold = Missing(range: first..<lease.upperBound, edition: edition)
  }
}

/// Bytes that a cursor's lease showed as zeros. In a box: see `FileSource.name`.
final class Missing: Sendable {
  let range: Range<Int64>
  /// Whose map they were missing in; the cursor may have gone on to another.
  let edition: Edition

  init(range: Range<Int64>, edition: Edition) {
    self.range = range
    self.edition = edition
  }
}
