import MapProtocols

/// Pages of maps that could not be had.
extension MapCore {
  /// Why bytes of an edition are missing: a byte is read by the file's handle, one that is opened for it where there is none.
  ///
  /// Where the file can't be reached any more, or was changed and has the byte again, it was cut short.
  func reasonForMissing(_ range: Range<Int64>, in edition: Edition) -> MapError {
    let truncated = MapError(.fileTruncated, range: range)
    if isForked { return truncated }
    let file = edition.file
    var token = lock()
    var chores = Chores()
    file.hold()
    defer {
      letGo(of: file, &chores)
      perform(&chores, &token)
    }
    try? ensureHandle(file, &token)
    guard !isShutDown, let handle = file.handle else { return truncated }
    // Of a file that changes the page may have been missing for a moment, which nobody saw.
    let (backend, known) = (file.backend, edition.isAsMade ? edition.version : nil)
    places.beginHandleUse(of: file)
    defer {
      places.endHandleUse(of: file)
      handlesMoved()
    }
    return token.unlocked {
      do throws(MapError) {
        var byte: UInt8 = 0
        let count = try unsafe withUnsafeMutableBytes(of: &byte) { buffer throws(MapError) in
          try unsafe backend.read(handle, at: range.lowerBound, into: buffer)
        }
        let status = try backend.provider.status(of: handle)
        if count == 0 || status.version != known { return truncated }
        // A disk that failed and does no more.
        return MapError(.readFailed, range: range, errno: .ioError)
      } catch {
        return error.code == .readFailed ? error.of(range) : truncated
      }
    }
  }
  /// The same for a task, whose thread it does not block.
  func reason(awaiting missing: Missing) async -> MapError {
    do throws(MapError) {
      return try await callBlocking { self.reasonForMissing(missing.range, in: missing.edition) }
    } catch {
      return error
    }
  }
}
