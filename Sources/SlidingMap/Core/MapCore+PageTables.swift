import MapProtocols

/// Giving page tables back.
///
/// The kernel keeps a table for each 2 MiB of addresses in which a page was ever mapped, and frees it when one call empties all that it
/// stands for (CONFIG_PT_RECLAIM, Linux 6.14). Windows that are emptied one by one would leave tables behind that no budget counts: 2 GiB
/// of them after random reads in a terabyte. So when a table's last window is emptied, all that the table stands for is.
extension MapCore {
  /// Above, as with pages of 64 KiB, a table is small beside what it stands for, and looking at its windows is not.
  private static let mostWindows: Int64 = 512

  /// Adds to what is to be emptied the tables in which nothing is left then, and shuts those of windows that would not come back by being
  /// touched. Called with the lock.
  ///
  /// - Parameter slots: the regions that are to be emptied.
  /// - Returns: what is shut, until `reopen`.
  func shutTables(
    leftBy slots: [RegionSlot], _ first: inout Transfers, _ second: inout Transfers?
  ) -> [PageTables.Table] {
    var seen: Set<PageTables.Table> = []
    var shut: [PageTables.Table] = []
    for slot in slots {
      guard let edition = residency.edition(of: slot), sharesTables(edition),
        let region = range(of: slot)
      else { continue }
      let own = region.offset..<region.offset + Int64(region.byteCount)
      for table in PageTables.tables(of: own, edition, region.extent) {
        let bytes = table.bytes(of: region.extent)
        guard seen.insert(table).inserted, isEmpty(bytes, of: edition, region.extent) else {
          continue
        }
        let range = ExtentRange(
          extent: region.extent, offset: bytes.lowerBound, byteCount: bytes.count)
        let isFirst = edition.backend === primary
        if edition.backend.loadsByItself {
          if isFirst { first.emptied.append(range) } else { second?.emptied.append(range) }
        } else {
          if isFirst { first.unloads.append(range) } else { second?.unloads.append(range) }
          shut.append(table)
        }
      }
    }
    pageTables.shut(shut)
    return shut
  }

  /// Ends what `shutTables` began. Called with the lock.
  func reopen(_ tables: [PageTables.Table]) {
    if pageTables.reopen(tables) { wakeAll() }
  }

  /// Whether an absent window may not be brought in at this moment, because its table is being given back.
  func isShut(_ window: Int, of edition: Edition) -> Bool {
    guard sharesTables(edition), let extent = edition.extent else { return false }
    let start = edition.grid.start(of: window)
    let isShut = pageTables.isShut(start..<start + edition.grid.windowSize, edition, extent)
    return isShut && !Turn.isPlanted("early claim")
  }

  /// Waits until another thread may have given a table back. Called with the lock, which is given up meanwhile.
  func waitForTables(_ token: inout LockToken) throws(MapError) {
    try checkUsable()
    pageTables.await()
    token.wait()
  }

  /// Whether windows of an edition have tables in common, and are not given access one by one.
  private func sharesTables(_ edition: Edition) -> Bool {
    let size = edition.grid.windowSize
    return size % PageTables.reach != 0 && PageTables.reach / size <= Self.mostWindows
      && edition.windowCount > 1 && edition.mapsPerWindow == 0
  }

  /// Whether a range lies within an extent, and nothing of it is in memory, or what is leaves it. O(windows).
  private func isEmpty(
    _ range: Range<Int64>, of edition: Edition, _ extent: Extent
  ) -> Bool {
    if range.lowerBound < 0 || range.upperBound > Int64(extent.byteCount) { return false }
    let windows = Range(edition.grid.windows(of: range)).clamped(to: 0..<edition.windowCount)
    return windows.allSatisfy { residency.isEmpty($0, of: edition) }
  }
}
