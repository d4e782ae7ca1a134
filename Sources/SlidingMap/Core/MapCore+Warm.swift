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
        continue
      }
      // Nothing is given up for a map that would not fit alone.
      let isHopeless = maps > limits.maps || addresses > limits.addresses
      if isHopeless || !dropExtent(otherThan: nil, &token) {
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

  /// How many bytes of a range lie in loaded windows. O(windows loaded of the file): a range may have as many as a file can say.
  func loadedBytes(of edition: Edition, in range: Range<Int64>) -> Int {
    locked {
      residency.slots(of: edition).reduce(0) { sum, slot in
        let window = residency.window(of: slot)
        let state = unsafe edition.windows.word(window).state
        guard state == .resident || state == .candidate else { return sum }
        let bytes = edition.grid.bytes(of: window, fileSize: edition.size).clamped(to: range)
        return sum + bytes.count
      }
    }
  }

  /// Whether the windows of ranges of a file are together more than a hard budget holds.
  func exceedsBudget(_ ranges: [Range<Int64>], fileSize: Int64, of edition: Edition) -> Bool {
    let runs = ranges.map { range in
      let windows = edition.grid.windows(of: range)
      return windows.lowerBound..<windows.upperBound + 1
    }.runs()
    return locked {
      var (bytes, regions) = (0, 0)
      for windows in runs {
        let start = edition.grid.start(of: windows.lowerBound)
        let end = edition.grid.bytes(of: windows.upperBound - 1, fileSize: fileSize).upperBound
        if exceedsBudget(start..<end, of: edition) { return true }
        bytes += Int(end - start)
        regions += windows.count
      }
      return demand(for: edition, byteCount: 0).isHard
        && (bytes > ledger.limits.bytes || regions > ledger.limits.regions)
    }
  }
}
