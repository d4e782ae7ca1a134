import MapProtocols

/// System calls decided under the lock, to be made outside it.
struct Chores {
  /// Regions whose words say leaving.
  var unloads: [RegionSlot] = []
  /// Regions whose words say loading.
  var loads: [RegionSlot] = []
  var extents: [Extent] = []
  var handles: [Handle] = []
  /// The budget was found overshot, with all that is left in use, by the request these chores belong to. Its further
  /// windows need not look again.
  var isOvershot = false

  var isEmpty: Bool {
    unloads.isEmpty && loads.isEmpty && extents.isEmpty && handles.isEmpty
  }
}

extension MapCore {
  /// Carries chores out. Called with the lock, which is given up meanwhile and held again at the end.
  ///
  /// - Returns: the first failure of a load. All windows that failed are absent again, all others resident.
  @discardableResult
  func perform(_ chores: inout Chores) -> MapError? {
    var failure: MapError?
    while !chores.isEmpty {
      var now = Chores()
      swap(&now, &chores)
      chores.isOvershot = now.isOvershot
      let unloads = now.unloads.compactMap { range(of: $0) }
      var loads: [RegionLoad] = []
      if !properties.loadsWhenTouched || isTrimmed {
        for slot in now.loads {
          guard let region = range(of: slot), let file = regions[slot].file else { continue }
          loads.append(RegionLoad(region: region, handle: file.handle, tag: slot.index))
        }
      }
      monitor.unlock()
      if !unloads.isEmpty { provider.unload(unloads) }
      if !loads.isEmpty { provider.load(&loads) }
      for extent in now.extents { provider.release(extent) }
      for handle in now.handles { provider.close(handle) }
      monitor.lock()
      usage.maps -= now.extents.count * properties.mapsPerExtent
      usage.handles -= now.handles.count
      for slot in now.loads { regions[slot].file?.handleUsers -= 1 }
      if !now.handles.isEmpty || !now.loads.isEmpty { handlesMoved() }
      for load in loads {
        guard let error = load.error else { continue }
        failLoad(RegionSlot(load.tag), error)
        failure = failure ?? error
      }
      for slot in now.loads { finishLoad(slot) }
      let surplus = isTrimmed ? surplus(around: now.loads) : []
      for slot in now.unloads { finishUnload(slot, &chores) }
      if !surplus.isEmpty {
        monitor.unlock()
        provider.unload(surplus)
        monitor.lock()
      }
    }
    return failure
  }

  /// What loading small windows may have brought in of absent neighbours. Should one of them be loaded meanwhile, its
  /// pages come back by being touched.
  private func surplus(around slots: [RegionSlot]) -> [ExtentRange] {
    let block = Int64(properties.faultAround)
    var ranges: [ExtentRange] = []
    for slot in slots where regions.isHeld(slot) {
      guard let file = regions[slot].file, let extent = file.extent else { continue }
      let bytes = file.grid.bytes(of: regions[slot].window, fileSize: file.size)
      if bytes.isEmpty { continue }
      let start = bytes.lowerBound / block * block
      let end = min((bytes.upperBound + block - 1) / block * block, file.size)
      var run = start..<start
      for window in file.grid.windows(of: start..<end) {
        let spill = file.grid.bytes(of: window, fileSize: file.size).clamped(to: start..<end)
        if unsafe file.windows.word(window).state == .absent {
          run = (run.isEmpty ? spill.lowerBound : run.lowerBound)..<spill.upperBound
          if spill.upperBound < end { continue }
        }
        if run.isEmpty { continue }
        ranges.append(ExtentRange(extent: extent, offset: run.lowerBound, byteCount: run.count))
        run = end..<end
      }
    }
    return ranges
  }

  private func range(of slot: RegionSlot) -> ExtentRange? {
    let region = regions[slot]
    guard let file = region.file, let extent = file.extent else { return nil }
    return ExtentRange(
      extent: extent, offset: file.grid.start(of: region.window), byteCount: region.byteCount)
  }

  private func finishLoad(_ slot: RegionSlot) {
    guard regions.isHeld(slot), let file = regions[slot].file else { return }
    let old = unsafe file.windows.exchange(
      regions[slot].window, WindowWord(.resident, slot))
    regions[slot].ticket = nil
    counters.loads += 1
    if old.hasWaiters { monitor.broadcast() }
  }

  private func finishUnload(_ slot: RegionSlot, _ chores: inout Chores) {
    let region = regions[slot]
    guard let file = region.file else { return }
    regions.remove(slot)
    let old = unsafe file.windows.exchange(region.window, .absent)
    if old.hasWaiters { monitor.broadcast() }
    retireIfUnused(file, &chores)
  }

  /// Takes a claimed window back to absent and gives the error to all who wait for it.
  func failLoad(_ slot: RegionSlot, _ error: MapError) {
    let region = regions[slot]
    guard let file = region.file else { return }
    if regions.isHeld(slot) { forget(slot, evicted: false) }
    region.ticket?.error = error
    counters.failedLoads += 1
    regions.remove(slot)
    let old = unsafe file.windows.exchange(region.window, .absent)
    if old.hasWaiters { monitor.broadcast() }
  }

  /// Takes a region off the policy's and the budget's books.
  func forget(_ slot: RegionSlot, evicted: Bool) {
    policy.remove(slot, evicted: evicted)
    references.unbind(slot)
    regions.setHeld(slot, false)
    usage.bytes -= regions[slot].byteCount
    usage.regions -= 1
  }
}
