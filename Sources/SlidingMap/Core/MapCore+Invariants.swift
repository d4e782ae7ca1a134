#if Schedule
  import MapProtocols

  /// What must hold whenever the core's lock is given up, for the scheduler to check.
  extension MapCore {
    func noteBeginning() {
      guard let turns = Schedule.current else { return }
      turns.count("managers", 1)
      monitor.check = { [unowned self] in brokenInvariant() }
    }

    func noteEnd() {
      Schedule.current?.count("managers", -1)
      monitor.check = nil
    }

    /// Tells which invariant does not hold, if any. O(regions + files + cursors).
    private func brokenInvariant() -> String? {
      brokenBooks() ?? brokenFiles() ?? brokenRegions()
    }

    /// What is counted is what is held.
    private func brokenBooks() -> String? {
      let usage = ledger.usage
      var (bytes, count) = (0, 0)
      for index in 0..<residency.capacity {
        let slot = RegionSlot(index)
        guard residency.isHeld(slot) else { continue }
        bytes += residency.byteCount(of: slot)
        count += 1
      }
      let regionMaps = (0..<residency.capacity).reduce(0) { sum, index in
        let slot = RegionSlot(index)
        let maps = residency.isHeld(slot) ? residency.edition(of: slot)?.mapsPerWindow : 0
        return sum + (maps ?? 0)
      }
      let hotMaps = hot.count * HotWindows.mapsPerWindow
      if ledger.canGiveMapsBack != (regionMaps > 0) || regionMaps + hotMaps > usage.maps {
        return "\(regionMaps) maps held by regions, \(usage.maps) counted"
      }
      if count != usage.regions { return "\(count) regions held, \(usage.regions) counted" }
      // Copies are counted a moment after their memory was taken.
      let copied = usage.bytes - bytes
      if copied < 0 || copied > copies.takenBytes {
        return "\(usage.bytes) bytes counted, \(bytes) held by regions,"
          + " \(copies.takenBytes) by copies"
      }
      if ledger.limits.isHard && ledger.peak.bytes > ledger.limits.bytes
        && observedLimits == ledger.limits
      {
        return "\(ledger.peak.bytes) bytes of a hard budget of \(ledger.limits.bytes)"
      }
      if places.handleCount > usage.handles {
        return "\(places.handleCount) handles held, \(usage.handles) counted"
      }
      if loads.count < loads.windows || loads.windows < 0 {
        return "\(loads.windows) windows of \(loads.count) loads in flight"
      }
      return nil
    }

    /// A budget's limits as they were since the beginning, or nil if they have changed.
    private var observedLimits: BudgetLimits? { budget.limits(holding: ledger.usage) }

    private func brokenFiles() -> String? {
      var editions: [Edition] = []
      places.forEachEdition { editions.append($0) }
      if editions.count != places.editionCount { return "the list of editions is broken" }
      var (maps, addresses, sharers) = (0, 0, 0)
      for edition in editions {
        sharers += edition.cursors
        if let fault = edition.brokenInvariant { return "\(edition.file.source): \(fault)" }
        if let extent = edition.extent {
          let held = residency.slots(of: edition).count { residency.isHeld($0) }
          maps += edition.backend.mapsPerExtent + held * edition.mapsPerWindow
          addresses += extent.byteCount
        }
        if edition.isInSpans {
          let held = residency.slots(of: edition).count { residency.isHeld($0) }
          maps += held * edition.mapsPerWindow
          addresses += held * edition.addressesPerWindow
        }
      }
      let usage = ledger.usage
      if maps > usage.maps || addresses > usage.addresses {
        return "\(maps) maps and \(addresses) addresses held, \(usage.maps) and"
          + " \(usage.addresses) counted"
      }
      if usage.maps > ledger.peak.maps || usage.addresses > ledger.peak.addresses {
        return "\(usage.maps) maps and \(usage.addresses) addresses counted, and at most"
          + " \(ledger.peak.maps) and \(ledger.peak.addresses)"
      }
      if let fault = brokenTables(editions) { return fault }
      if sharers < cursors { return "\(cursors) cursors, of editions with \(sharers)" }
      return brokenHandles()
    }

    /// Windows are counted in their page tables, and tables that are taken for empty are counted, too.
    private func brokenTables(_ editions: [Edition]) -> String? {
      var count = 0
      for edition in editions {
        count += pageTables.empty(of: edition).count
        if pageTables.areBroken(of: edition) {
          return "\(edition.file.source): tables are miscounted"
        }
      }
      return count == pageTables.emptyCount ? nil : "\(pageTables.emptyCount) tables of \(count)"
    }

    private func brokenHandles() -> String? {
      var files: [TrackedFile] = []
      places.forEachHandle { files.append($0) }
      var handles: Set<Owned> = []
      for file in files {
        guard let handle = file.handle else { return "\(file.source): listed, without a handle" }
        if !handles.insert(Owned(owner: ObjectIdentifier(file.backend), handle)).inserted {
          return "\(file.source): its handle is another file's, too"
        }
        if let current = file.current, current.extent != nil, current.backend !== file.backend {
          return "\(file.source): its handle is none of its windows' backend"
        }
      }
      if handles.count != places.handleCount { return "a handle is not in the list of handles" }
      return nil
    }

    private func brokenRegions() -> String? {
      var found = 0
      var fault: String?
      places.forEachEdition { edition in
        let slots = residency.slots(of: edition)
        found += slots.count
        if slots.count != edition.regions {
          fault = "\(slots.count) regions listed, \(edition.regions) counted"
        }
        for slot in slots where fault == nil { fault = brokenRegion(slot, of: edition) }
      }
      let all = (0..<residency.capacity).count { residency.edition(of: RegionSlot($0)) != nil }
      if fault == nil && all != found { return "\(all) regions, \(found) of them of editions" }
      return fault
    }

    private func brokenRegion(_ slot: RegionSlot, of edition: Edition) -> String? {
      let window = residency.window(of: slot)
      let word = unsafe edition.windows.word(window)
      if word.slot != slot || word.state == .absent {
        return "\(edition.file.source): the word of window \(window) is not its region's"
      }
      if proofs.isMarked(slot) ? !isLeaving(word) : word.state == .candidate {
        return "\(edition.file.source): window \(window) is marked, or its region is"
      }
      if word.state == .resident && !residency.isHeld(slot) {
        return "\(edition.file.source): window \(window) is resident, but on no book"
      }
      let byteCount = residency.byteCount(of: slot)
      if residency.isHeld(slot) && byteCount < edition.charge(for: window, pageSize: pageSize) {
        return "\(edition.file.source): window \(window) is charged \(byteCount) bytes"
      }
      if word.state == .resident, edition.place(of: window) == nil {
        return "\(edition.file.source): window \(window) is resident without a place"
      }
      return nil
    }

    private func isLeaving(_ word: WindowWord) -> Bool {
      word.state == .candidate || word.state == .leaving
    }

    private struct Owned: Hashable {
      let owner: ObjectIdentifier
      let handle: Handle
      init(owner: ObjectIdentifier, _ handle: Handle) {
        self.owner = owner
        self.handle = handle
      }
    }
  }

  extension Edition {
    fileprivate var brokenInvariant: String? {
      if let extent, size > extent.byteCount {
        return "\(size) bytes in an extent of \(extent.byteCount)"
      }
      if size > reserved { return "\(size) bytes, and a table for \(reserved)" }
      return nil
    }
  }
#endif
