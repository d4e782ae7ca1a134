internal import MapProtocols
internal import SystemPackage

extension Syscalls {
  /// Maps all pages of a window and notes how that went: MADV_POPULATE_READ. Where it did not go well none stay, as no budget would count
  /// them.
  ///
  /// - Parameter reason: asked between pieces of 2 MiB, before each but the first, why not to go on; the load ends with that.
  func populate(_ load: inout RegionLoad, unless reason: () -> MapError.Code? = { nil }) {
    let region = load.region
    let byteCount = SystemPage.rounded(region.byteCount) ?? region.byteCount
    load.error = nil
    defer { if load.error != nil { unsafe drop(region.start, byteCount: byteCount) } }
    var done = 0
    var tries = Self.tries
    while done < byteCount {
      if done > 0, let reason = reason() {
        load.error = MapError(reason, range: load.range)
        return
      }
      let piece = min(Self.piece, byteCount - done)
      do throws(Errno) {
        try unsafe populate(region.start + done, byteCount: piece)
      } catch {
        let failure = failure(of: load, error)
        tries -= 1
        // One that was cut short for a moment may have the bytes again.
        if error == .badAddress && failure.code == .readFailed && tries > 0 { continue }
        load.error = failure
        return
      }
      done += piece
    }
  }

  /// How often pages are asked for that the file should have and that don't come, before its disk is taken to fail.
  private static var tries: Int { 3 }

  /// EFAULT stands for every SIGBUS that a touch would have raised: beyond the end of the file, and on a bad disk.
  private func failure(of load: RegionLoad, _ error: Errno) -> MapError {
    let range = load.range
    guard error == .badAddress else { return MapError(.readFailed, range: range, errno: error) }
    if let handle = load.handle, let status = try? look(at: FileDescriptor(handle)),
      // The manager asks for whole pages, also where the file ends within the last.
      status.size > range.upperBound - Int64(SystemPage.size)
    {
      return MapError(.readFailed, range: range, errno: .ioError)
    }
    return MapError(.fileTruncated, range: range, errno: error)
  }

  /// Has the disk begin to read a part of a region, MADV_WILLNEED, and doesn't wait for it.
  ///
  /// The kernel reads no more for one call than its read-ahead window or one request of the disk's holds, which may be
  /// 128 KiB, and drops the rest: hence pieces. Without them a cold range under MADV_RANDOM is read page by page.
  func willNeed(_ region: ExtentRange, _ part: Range<Int>) {
    let step = 128 << 10
    let end = min(part.upperBound, region.byteCount)
    for start in stride(from: part.lowerBound, to: end, by: step) {
      let byteCount = min(step, end - start)
      unsafe advise(
        .willNeed, region.start + start,
        byteCount: SystemPage.rounded(byteCount) ?? byteCount)
    }
  }

  /// Whether all of a region is in memory, so that populating it waits for no disk: a small one in the page cache, a larger one in this
  /// process's own page tables. False where that would take longer to find out than to ask another thread for it, and where nobody can
  /// tell.
  ///
  /// mincore(2) would say yes of every file that the user does not own. cachestat(2) takes a quarter of a microsecond to
  /// tell what is surely absent; RWF_NOWAIT, which alone tells what is surely there, would start the reading of what is
  /// not, on this thread, and wait for the file system's own blocks (4 µs, one in a hundred 40 to 160, 600 at worst).
  func isResident(_ load: RegionLoad) -> Bool {
    let byteCount = load.region.byteCount
    if byteCount > Self.probed {
      return byteCount <= Self.mostLookedAt && (try? isPresent(load.region)) == true
    }
    guard let handle = load.handle else { return false }
    let descriptor = FileDescriptor(handle)
    let start = load.region.offset
    let places = stride(from: start, to: start + Int64(byteCount), by: SystemPage.size)
    if let cached = try? cachedPages(of: descriptor, at: start, byteCount: byteCount),
      cached < places.underestimatedCount
    {
      return false
    }
    // A byte of each page: who copies them whole waits for memory that nobody has asked for yet.
    return places.allSatisfy { (try? hasCachedByte(descriptor, at: $0)) == true }
  }

  /// Bytes of a region up to which it is asked for before another thread is, which takes some ten microseconds to wake.
  static var probed: Int { 16 << 10 }

  /// Bytes up to which the page tables are looked at: eight bytes for a page.
  static var mostLookedAt: Int { 64 << 20 }

  /// Bytes that are populated by one call: about what keeps a disk busy.
  static var piece: Int { 2 << 20 }
}

extension RegionLoad {
  /// The bytes of the file that it is about.
  var range: Range<Int64> { region.offset..<region.offset + Int64(region.byteCount) }
}
