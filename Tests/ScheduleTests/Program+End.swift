#if Schedule
  import MapProtocols
  import MapTesting
  import SlidingMap

  /// What must be true, meanwhile and at the end.
  extension Program {
    func check(_ statistics: MapStatistics) {
      let isHard = scenario.budget.limits.isHard || scenario.backend == .copying
      if isHard && statistics.peakBytes > scenario.budget.limits.bytes {
        scheduler.fail("held \(statistics.peakBytes) bytes of a hard budget")
      }
    }

    /// When nothing changes and nothing fails any more, all is there again; and when nobody reads, nothing is.
    func finish(_ readers: [Reader]) {
      scheduler.note("all others are done")
      for provider in providers {
        provider.failures = 0
        provider.mostHandles = .max
        provider.mostExtents = .max
      }
      for reader in readers { reader.release() }
      kernel?.waitUntilIdle()
      if let maps {
        check(maps.statistics)
        if !scenario.shutsDown {
          for path in files.paths { readAll(path, maps) }
          for reader in readers { readOn(reader) }
        }
        maps.collect()
        let statistics = maps.statistics
        work.note(statistics)
        // Nobody knows what a barrier that is refused would have shown.
        if !scenario.refusesBarriers || statistics.regions == 0 {
          let held = (statistics.regions, statistics.bytes, statistics.pinned, statistics.inFlight)
          if held != (0, 0, 0, 0) { scheduler.fail("holds (regions, bytes, pins, loads) \(held)") }
          if files.loadedPages != 0 {
            scheduler.fail("\(files.loadedPages) pages are in memory, and in no budget")
          }
        }
        if statistics.cursors != readers.count {
          scheduler.fail("counts \(statistics.cursors) cursors, of \(readers.count)")
        }
      }
    }

    /// A file goes with its last cursor and window.
    func checkThatAllIsGone() {
      guard let maps, !scenario.refusesBarriers else { return }
      maps.collect()
      let left = maps.statistics
      let held = (left.files, left.cursors, left.maps, left.addresses, left.handles)
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
      } catch {
        // Handles of descriptors stay.
        let isExplained =
          error.code == .budgetExhausted
          || error.code == .handlesExhausted && scenario.verbs.contains(.openDescriptor)
        if !isExplained || !scenario.expects(error.code) {
          scheduler.fail("can't read \(path) when all is over: \(error)")
        }
      }
    }

    private func readOn(_ reader: Reader) {
      do throws(MapError) {
        try reader.refresh()
        try reader.use(at: 0, count: 64)
      } catch {
        scheduler.note("an old cursor throws \(error)")
        // The handle of a file that no path is known of is never closed.
        let mayBeLost = reader.files.contains { openedByPath.contains($0.serial) }
        let isExplained =
          error.code == .budgetExhausted
          || error.code == .fileChanged && (mayBeLost || scenario.backend != .copying)
        if !isExplained || !scenario.expects(error.code) {
          scheduler.fail("an old cursor can't read on when all is over: \(error)")
        }
      }
      reader.release()
    }
  }
#endif
