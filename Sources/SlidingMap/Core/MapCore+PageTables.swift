import MapProtocols

/// Giving page tables back.
///
/// The kernel keeps a table for each 2 MiB of addresses in which a page was ever mapped, and frees it when one call empties all that it
/// stands for (CONFIG_PT_RECLAIM, Linux 6.14). Windows that are emptied one by one would leave tables behind that no budget counts: 2 GiB
/// of them after random reads in a terabyte. So it is noted which tables have no window any more, and of too many some are given back
/// together with the next windows: one at a time would cost each miss a microsecond, and many of them come to be used again.
extension MapCore {
  /// How many are given back at a time: a few tens of microseconds' work.
  private static let together = 64

  /// Notes that a region comes. Called with the lock.
  func noteTablesUsed(by slot: RegionSlot) {
    guard let edition = residency.edition(of: slot), let extent = edition.extent else { return }
    pageTables.enter(residency.window(of: slot), of: edition, extent)
  }

  /// Notes that a region leaves, or does not come after all. Called with the lock.
  func noteTablesLeft(by slot: RegionSlot) {
    guard let edition = residency.edition(of: slot), let extent = edition.extent else { return }
    pageTables.leave(residency.window(of: slot), of: edition, extent)
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
    let kept = isAll ? 0 : pageTables.kept(budget: ledger.limits.bytes, pageSize: pageSize)
    if pageTables.emptyCount <= kept { return given }
    for table in pageTables.takeEmpty(isAll ? .max : Self.together) {
      let edition = table.edition
      guard let extent = edition.extent else { continue }
      let bytes = pageTables.bytes(of: table, extent)
      let range = ExtentRange(extent: extent, offset: bytes.lowerBound, byteCount: bytes.count)
      // No window keeps it while the lock is given up.
      if !Turn.isPlanted("unkept extent") { places.beginExtentUse(of: edition) }
      let ranges: WritableKeyPath<Transfers, [ExtentRange]>
      if edition.backend.loadsByItself {
        given.open.append(table)
        ranges = \.emptied
      } else {
        given.shut.append(table)
        ranges = \.unloads
      }
      if edition.backend === primary {
        first[keyPath: ranges].append(range)
      } else {
        second?[keyPath: ranges].append(range)
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
    for table in given.open { leaveExtent(of: table.edition, &chores) }
    for table in given.shut { leaveExtent(of: table.edition, &chores) }
  }

  /// Whether an absent window may not be brought in at this moment, because its table is being given back.
  func isShut(_ window: Int, of edition: Edition) -> Bool {
    pageTables.isShut(window, of: edition) && !Turn.isPlanted("early claim")
  }

  /// Waits until another thread may have given a table back. Called with the lock, which is given up meanwhile.
  func waitForTables(_ token: inout LockToken) throws(MapError) {
    try checkUsable()
    pageTables.await()
    token.wait()
  }
}
