import MapProtocols

/// Pages of maps that could not be had.
extension MapCore {
  /// Why bytes of an edition are missing: a byte is read by the file's handle, one that is opened for it where there is none; where none is
  /// to be had, a path tells whether the file is as it was.
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
    if isShutDown { return truncated }
    // Of a file that changes the page may have been missing for a moment, which nobody saw.
    let known = edition.isAsMade ? edition.version : nil
    let (backend, handle, sources) = (file.backend, file.handle, file.sources)
    places.beginHandleUse(of: file)
    defer {
      places.endHandleUse(of: file)
      handlesMoved()
    }
    return token.unlocked {
      do throws(MapError) {
        let status =
          if let handle {
            try backend.status(of: handle, having: range.lowerBound)
          } else {
            try backend.provider.status(of: file.identity, edition.version, by: sources)
          }
        guard let status, status.version == known else { return truncated }
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

extension Backend {
  /// The status of an open file, if it has a byte at an offset.
  ///
  /// - Throws: `.readFailed` where it can't be read; what asking for the status throws.
  fileprivate func status(
    of handle: Handle, having offset: Int64
  ) throws(MapError) -> FileStatus? {
    var byte: UInt8 = 0
    let count = try unsafe withUnsafeMutableBytes(of: &byte) { buffer throws(MapError) in
      try unsafe read(handle, at: offset, into: buffer)
    }
    return count == 0 ? nil : try provider.status(of: handle)
  }
}
