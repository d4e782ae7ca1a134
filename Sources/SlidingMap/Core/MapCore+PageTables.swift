import MapProtocols

/// Giving page tables back.
///
/// The kernel keeps a table for each 2 MiB of addresses in which a page was ever mapped, and frees it when one call empties all that it
/// stands for (CONFIG_PT_RECLAIM, Linux 6.14). Windows that are emptied one by one would leave tables behind that no budget counts: 2 GiB
/// of them after random reads in a terabyte. So it is noted which tables have no window any more, and of too many some are given back
/// together with the next windows: one at a time would cost each miss a microsecond, and many of them come to be used again.
extension MapCore {
  /// Above, as with pages of 64 KiB, a table is small beside what it stands for, and looking at its windows is not.
  private static let mostWindows: Int64 = 512
  /// How many empty tables may always be left: 4 MiB of them, and as many as come to a 64th of the budget, but not more than 64 MiB.
  private static let leastKept = Turn.keptTables
  private static let mostKept = 16 * leastKept
  /// How many are given back at a time: a few tens of microseconds' work.
  private static let together = 64

  /// Notes which tables of a region that leaves are empty then. Called with the lock.
  func noteTablesLeft(by slot: RegionSlot) {
    forEachTable(of: slot) { table, extent in
      if isEmpty(table, of: extent) { pageTables.noteEmpty(table) }
    }
  }

  /// Notes that the tables of a region that comes are used. Called with the lock.
  func noteTablesUsed(by slot: RegionSlot) {
    if residency.edition(of: slot)?.tables.hasEmpty != true { return }
    forEachTable(of: slot) { table, _ in pageTables.noteUse(table) }
  }

  /// Tables that are being given back.
  struct GivenTables {
    /// Those of windows that come back by being touched.
    fileprivate var open: [PageTables.Table] = []
    /// Others, in which nothing may be brought in until then.
    fileprivate var shut: [PageTables.Table] = []
  }

  /// Adds to what is to be emptied the tables that are to be given back. Called with the lock.
  ///
  /// - Parameter isAll: whether all are to be given back that are empty.
  func giveTables(
    all isAll: Bool, _ first: inout Transfers, _ second: inout Transfers?
  ) -> GivenTables {
    var given = GivenTables()
    let kept = min(max(ledger.limits.bytes / 64 / pageSize, Self.leastKept), Self.mostKept)
    if pageTables.emptyCount <= (isAll ? 0 : kept) { return given }
    for table in pageTables.takeEmpty(isAll ? .max : Self.together) {
      let edition = table.edition
      guard let extent = edition.extent else { continue }
      let bytes = table.bytes(of: extent)
      let range = ExtentRange(extent: extent, offset: bytes.lowerBound, byteCount: bytes.count)
      // No window keeps it while the lock is given up.
      if !Turn.isPlanted("unkept extent") { places.beginExtentUse(of: edition) }
      if edition.backend.loadsByItself {
        given.open.append(table)
        if edition.backend === primary {
          first.emptied.append(range)
        } else {
          second?.emptied.append(range)
        }
      } else {
        given.shut.append(table)
        if edition.backend === primary {
          first.unloads.append(range)
        } else {
          second?.unloads.append(range)
        }
      }
    }
    pageTables.shut(given.shut)
    return given
  }

  /// Lets windows be brought in again, as soon as the call is over. Called without the lock.
  func reopen(_ given: GivenTables) {
    if given.shut.isEmpty { return }
    locked { if pageTables.reopen(given.shut) { wakeAll() } }
  }

  /// Ends what `giveTables` began. Called with the lock.
  func finish(_ given: GivenTables, _ chores: inout Chores) {
    if Turn.isPlanted("unkept extent") { return }
    for table in given.open + given.shut { leaveExtent(of: table.edition, &chores) }
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

  /// Calls `body` with each table in which a region lies, if windows have tables in common.
  private func forEachTable(of slot: RegionSlot, _ body: (PageTables.Table, Extent) -> Void) {
    guard let edition = residency.edition(of: slot), sharesTables(edition),
      let extent = edition.extent
    else { return }
    let start = edition.grid.start(of: residency.window(of: slot))
    let range = start..<start + Int64(residency.byteCount(of: slot))
    if range.isEmpty { return }
    PageTables.forEachTable(of: range, edition, extent) { body($0, extent) }
  }

  /// Whether windows of an edition have tables in common, and are not given access one by one.
  private func sharesTables(_ edition: Edition) -> Bool {
    let size = edition.grid.windowSize
    return size % PageTables.reach != 0 && PageTables.reach / size <= Self.mostWindows
      && edition.windowCount > 1 && edition.mapsPerWindow == 0
  }

  /// Whether what a table stands for lies within an extent, and nothing of it is in memory, or what is leaves it. O(windows).
  func isEmpty(_ table: PageTables.Table, of extent: Extent) -> Bool {
    let (edition, bytes) = (table.edition, table.bytes(of: extent))
    if bytes.lowerBound < 0 || bytes.upperBound > Int64(extent.byteCount) { return false }
    for window in Range(edition.grid.windows(of: bytes)).clamped(to: 0..<edition.windowCount) {
      let state = unsafe edition.windows.word(window).state
      if state != .absent && state != .leaving { return false }
    }
    return true
  }
}
