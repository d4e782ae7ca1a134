import MapProtocols

/// Handles and maps for who brings files into the system's memory, or keeps them there, without a window.
extension MapCore {
  /// Opens a file within the budget of handles, of which it counts until it is returned. Others may wait for that, so it is to be soon;
  /// and whoever has one waits for nobody.
  ///
  /// - Throws: what `attach` throws for a file that can't be opened.
  func borrowHandle(
    _ source: FileSource
  ) throws(MapError) -> (file: OpenedFile, backend: Backend) {
    var token = lock()
    do throws(MapError) {
      try checkUsable()
      guard let found = try openHandle(source, &token) else {
        preconditionFailure("nobody else gets it a handle")
      }
      return found
    } catch {
      throw error.about(source)
    }
  }

  func returnHandle(_ handle: Handle, of backend: Backend) {
    var token = lock()
    close(handle, of: backend, &token)
    ledger.creditHandles()
    handlesMoved()
  }

  /// Counts a map that keeps bytes in memory; files that nobody reads at this moment give theirs up for it.
  ///
  /// - Throws: `.addressSpaceExhausted` where the budget has no room for it.
  func chargeLock(maps: Int, addresses: Int) throws(MapError) {
    var token = lock()
    var areLimitsFresh = false
    while true {
      try checkUsable()
      let (usage, limits) = (ledger.usage, ledger.limits)
      if usage.maps <= limits.maps - maps && usage.addresses <= limits.addresses - addresses {
        break
      }
      if !areLimitsFresh {
        refreshLimits(&token)
        areLimitsFresh = true
      } else if !dropExtent(otherThan: nil, &token) {
        throw MapError(.addressSpaceExhausted)
      }
    }
    ledger.chargeExtent(maps: maps, addresses: addresses)
  }

  func creditLock(maps: Int, addresses: Int) {
    locked { ledger.creditExtent(maps: maps, addresses: addresses) }
  }

  /// Notes that bytes are kept in memory, or no longer.
  func noteLocked(_ byteCount: Int) { locked { lockedBytes += byteCount } }

  /// How many bytes of a range lie in loaded windows. O(windows of the range).
  func loadedBytes(of edition: Edition, in range: Range<Int64>) -> Int {
    locked {
      if range.isEmpty { return 0 }
      return edition.grid.windows(of: range).reduce(0) { sum, window in
        let state = unsafe edition.windows.word(window).state
        guard state == .resident || state == .candidate else { return sum }
        let bytes = edition.grid.bytes(of: window, fileSize: edition.size).clamped(to: range)
        return sum + bytes.count
      }
    }
  }
}
