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
      if handlesByUse.count > usage.handles {
        return "\(handlesByUse.count) handles held, \(usage.handles) counted"
      }
      if loads.count < loads.windows || loads.windows < 0 {
        return "\(loads.windows) windows of \(loads.count) loads in flight"
      }
      return nil
    }

    /// A budget's limits as they were since the beginning, or nil if they have changed.
    private var observedLimits: BudgetLimits? { budget.limits(holding: BudgetUsage()) }

    private func brokenFiles() -> String? {
      var handles: Set<Owned> = []
      var (maps, addresses, count, sharers) = (0, 0, 0, 0)
      var entry = filesByUse.first
      while let file = entry {
        entry = filesByUse.next(after: file)
        count += 1
        sharers += file.cursors
        if let fault = file.brokenInvariant { return "\(file.source): \(fault)" }
        if let handle = file.handle {
          if !handles.insert(Owned(owner: ObjectIdentifier(file.backend), handle)).inserted {
            return "\(file.source): its handle is another file's, too"
          }
        }
        if let extent = file.extent {
          maps += file.backend.properties.mapsPerExtent
          addresses += extent.byteCount
        }
      }
      if handles.count != handlesByUse.count { return "a handle is not in the list of handles" }
      if count != filesByUse.count { return "the list of files is broken" }
      let usage = ledger.usage
      if maps > usage.maps || addresses > usage.addresses {
        return "\(maps) maps and \(addresses) addresses held, \(usage.maps) and"
          + " \(usage.addresses) counted"
      }
      if sharers < cursors { return "\(cursors) cursors, of files with \(sharers)" }
      return nil
    }

    private func brokenRegions() -> String? {
      var found = 0
      var entry = filesByUse.first
      while let file = entry {
        entry = filesByUse.next(after: file)
        let slots = residency.slots(of: file)
        if slots.count != file.regions {
          return "\(file.source): \(slots.count) regions listed, \(file.regions) counted"
        }
        found += slots.count
        for slot in slots {
          let window = residency.window(of: slot)
          let word = unsafe file.windows.word(window)
          if word.slot != slot || word.state == .absent {
            return "\(file.source): the word of window \(window) is not its region's"
          }
          let isMarked = proofs.isMarked(slot)
          if isMarked ? !isLeaving(word) : word.state == .candidate {
            return "\(file.source): window \(window) is marked, or its region is"
          }
          if word.state == .resident && !residency.isHeld(slot) {
            return "\(file.source): window \(window) is resident, but on no book"
          }
          if residency.isHeld(slot)
            && residency.byteCount(of: slot) < file.charge(for: window, pageSize: pageSize)
          {
            return
              "\(file.source): window \(window) is charged \(residency.byteCount(of: slot)) bytes"
          }
          if word.state == .resident, file.extent == nil {
            return "\(file.source): window \(window) is resident without an extent"
          }
        }
      }
      let all = (0..<residency.capacity).count { residency.file(of: RegionSlot($0)) != nil }
      if all != found { return "\(all) regions, \(found) of them of files" }
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

  extension FileEntry {
    fileprivate var brokenInvariant: String? {
      if cursors < 0 || regions < 0 || handleUsers < 0 || extentUsers < 0 {
        return "something was given back twice"
      }
      if let extent, longest > extent.byteCount {
        return "\(longest) bytes in an extent of \(extent.byteCount)"
      }
      if size > reserved { return "\(size) bytes, and a table for \(reserved)" }
      return nil
    }
  }
#endif
