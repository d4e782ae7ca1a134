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
    guard let missing = unsafe state.pin.pointee.untold else { return }
    endLease()
    unsafe state.pin.pointee.untold = nil
    throw core.reasonForMissing(missing, in: edition).about(source)
  }

  /// The same for the bytes that are shown now, and for them alone.
  @usableFromInline
  mutating func checkShown() throws(MapError) {
    guard let error = errorOfShown() else { return }
    endLease()
    throw error
  }

  /// What `checkShown` throws, for who can't or need not end the lease.
  func errorOfShown() -> MapError? {
    if !edition.isPoisoned || held != nil { return nil }
    let shown = range
    guard let first = edition.poison.firstMissing(in: shown) else { return nil }
    return core.reasonForMissing(first..<shown.upperBound, in: edition).about(source)
  }

  /// Keeps in mind what is missing of the lease, which is about to end.
  func noteMissing() {
    if !edition.isPoisoned || held != nil || state.leaseLength == 0 { return }
    let lease = Int64(state.leaseStart)..<Int64(state.leaseStart + state.leaseLength)
    if unsafe state.pin.pointee.untold == nil, let first = edition.poison.firstMissing(in: lease) {
      unsafe state.pin.pointee.untold = first..<lease.upperBound
    }
  }
}
