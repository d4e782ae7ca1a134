#if Schedule
  import MapProtocols
  import MapTesting
  import SlidingMap

  /// What must be true, meanwhile and at the end.
  extension Program {
    func check(_ statistics: MapStatistics) {
      let isHard = scenario.budget.limits.isHard || scenario.backend == .copying
      if isHard && statistics.peak.bytes > scenario.budget.limits.bytes {
        scheduler.fail("held \(statistics.peak.bytes) bytes of a hard budget")
      }
    }

    /// While no thread is on its way, only leased windows may exceed a budget of bytes or regions.
    private func checkOvershoot() {
      for maps in managers { checkOvershoot(maps) }
    }

    private func checkOvershoot(_ maps: MapManager) {
      let statistics = maps.statistics
      let limits = scenario.budget.limits
      let isExceeded =
        statistics.usage.bytes > limits.bytes || statistics.usage.regions > limits.regions
        || shutdown.contains(ObjectIdentifier(maps))
      if isExceeded && statistics.usage.regions > statistics.pinned {
        scheduler.fail(
          "holds \(statistics.usage.regions) regions over its budget, of which \(statistics.pinned) are"
            + " leased")
      }
    }

    /// A manager that was shut down keeps nothing that nobody leases, though there are cursors.
    private func checkThatServiceEnded() {
      for maps in managers where shutdown.contains(ObjectIdentifier(maps)) {
        checkThatServiceEnded(maps.statistics)
      }
    }

    private func checkThatServiceEnded(_ left: MapStatistics) {
      let usage = left.usage
      let held = (usage.regions, usage.bytes, usage.maps, usage.addresses, usage.handles)
      if held != (0, 0, 0, 0, 0) {
        scheduler.fail(
          "keeps (regions, bytes, maps, addresses, handles) \(held) after its shutdown")
      }
    }

    /// When nothing changes and nothing fails any more, all is there again; and when nobody reads, nothing is.
    func finish(_ readers: [Reader]) {
      scheduler.note("all others are done")
      for provider in providers {
        provider.failures = 0
        provider.mostHandles = .max
        provider.mostExtents = .max
        provider.mostOpenPages = .max
      }
      kernel?.waitUntilIdle()
      checkOvershoot()
      for reader in readers {
        reader.release()
        checkOvershoot()
      }
      kernel?.waitUntilIdle()
      checkThatServiceEnded()
      for maps in managers { finish(readers, maps) }
      if !managers.isEmpty && managers.count == scenario.managers {
        let cursors = managers.reduce(0) { $0 + $1.statistics.cursors }
        if cursors != readers.count {
          scheduler.fail("counts \(cursors) cursors, of \(readers.count)")
        }
        if files.loadedPages != 0 {
          scheduler.fail("\(files.loadedPages) pages are in memory, and in no budget")
        }
      }
    }

    private func finish(_ readers: [Reader], _ maps: MapManager) {
      check(maps.statistics)
      if !scenario.shutsDown {
        for path in files.paths { readAll(path, maps) }
        for reader in readers { readOn(reader) }
      }
      maps.collect()
      let statistics = maps.statistics
      work.note(statistics)
      let held = (
        statistics.usage.regions, statistics.usage.bytes, statistics.pinned, statistics.inFlight
      )
      if held != (0, 0, 0, 0) { scheduler.fail("holds (regions, bytes, pins, loads) \(held)") }
    }

    /// A file goes with its last cursor and window.
    func checkThatAllIsGone() {
      for maps in managers { checkThatAllIsGone(maps) }
    }

    private func checkThatAllIsGone(_ maps: MapManager) {
      maps.collect()
      let left = maps.statistics
      let usage = left.usage
      let held = (left.files, left.cursors, usage.maps, usage.addresses, usage.handles)
      if held != (0, 0, 0, 0, 0) {
        scheduler.fail("keeps (files, cursors, maps, addresses, handles) \(held)")
      }
    }

    private func readAll(_ path: FilePath, _ maps: MapManager) {
      guard let size = files.file(at: path)?.now.size else { return }
      do throws(MapError) {
        let reader = try open(path, maps)
        if reader.size != size {
          scheduler.fail("a new cursor on \(path) knows \(reader.size) bytes of \(size)")
        }
        var offset: Int64 = 0
        while offset < size {
          try reader.use(at: offset, count: Self.page)
          offset += Int64(Self.page)
        }
        reader.endLease()
        if reader.isUntold { scheduler.fail("a new cursor is shown zeros when all is over") }
      } catch {
        let isExplained = error.code == .budgetExhausted || areDescriptorsHeld(error)
        if !isExplained || !scenario.expects(error.code) {
          scheduler.fail("can't read \(path) when all is over: \(error)")
        }
      }
    }

    /// Whether all handles may be those of descriptors, which stay.
    private func areDescriptorsHeld(_ error: MapError) -> Bool {
      error.code == .handlesExhausted && scenario.verbs.contains(.openDescriptor)
    }

    private func readOn(_ reader: Reader) {
      // Of what was missing before.
      try? reader.ask()
      do throws(MapError) {
        try reader.refresh()
        try reader.use(at: 0, count: 64)
      } catch {
        scheduler.note("an old cursor throws \(error)")
        // The handle of a file that no path is known of is never closed.
        let mayBeLost = reader.files.contains { openedByPath.contains($0.serial) }
        let isExplained =
          error.code == .budgetExhausted || areDescriptorsHeld(error)
          || error.code == .fileChanged && (mayBeLost || scenario.backend != .copying)
        if !isExplained || !scenario.expects(error.code) {
          scheduler.fail("an old cursor can't read on when all is over: \(error)")
        }
      }
      reader.release()
    }
  }
#endif
