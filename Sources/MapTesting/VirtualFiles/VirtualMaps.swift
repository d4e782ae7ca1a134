#if Schedule
  public import MapProtocols
  internal import SystemPackage

  /// A `VirtualProvider` whose windows are maps.
  public final class VirtualMaps: VirtualProvider, MappingProvider, @unchecked Sendable {
    /// As given.
    public let mapping: MappingProperties
    /// Maps windows alone where it must.
    public var mapsSpans: Bool { true }
    private let bypass: Int

    /// Makes a backend that knows the files.
    ///
    /// - Parameters:
    ///   - mapping: how its maps behave.
    ///   - bypassLimit: see `RegionProvider.bypassLimit`.
    ///   - takeover: what serves where it can't.
    ///   - kernel: ends what was submitted; where there is none, it ends at once.
    public init(
      _ files: VirtualFiles, _ mapping: MappingProperties, bypassLimit: Int = 0,
      takeover: Takeover? = nil, kernel: VirtualKernel? = nil
    ) {
      self.mapping = mapping
      bypass = bypassLimit
      super.init(files, "maps", takeover: takeover, kernel: kernel)
    }

    override var faultAround: Int { mapping.faultAround }
    public override var reloadCost: Int { 3_000 }
    public override var bypassLimit: Int { bypass }

    /// Maps a file; `.addressSpaceExhausted` by chance, and beyond `mostExtents`.
    public func map(
      _ handle: Handle, fileSize: Int64, byteCount: Int, alignment: Int
    ) throws(MapError) -> Extent {
      try makeExtent(of: file(handle, "map"), fileSize: fileSize, byteCount: byteCount)
    }

    /// Maps a span; `.addressSpaceExhausted` by chance, and beyond `mostExtents`.
    public func map(_ handle: Handle, span: Range<Int64>) throws(MapError) -> Extent {
      try makeExtent(
        of: file(handle, "map"), from: span.lowerBound, fileSize: Int64(span.count),
        byteCount: span.count)
    }

    /// Maps a file in the place of its copies. Fails the schedule where they are another file's, or being loaded.
    public func map(
      _ handle: Handle, fileSize: Int64, replacing extent: Extent
    ) throws(MapError) -> Extent {
      try begin("replace", (.addressSpaceExhausted, .noMemory))
      let memory = files.memory(of: extent)
      let file = file(handle, "replace")
      if let known = memory.file, known !== file {
        scheduler.fail("replaces one file's copies by another file")
      }
      if !memory.loading.isEmpty { scheduler.fail("replaces what is being loaded") }
      memory.becomeMap(of: file, self)
      end("replace ends")
      return extent
    }

    /// Watches an extent: a page of it that is read, and that its file does not have, becomes zeros.
    public func watch(_ extent: Extent, windowSize: Int, _ poison: ExtentPoison) {
      files.memory(of: extent).watch(by: (poison, windowSize))
    }
    /// Ends the watch.
    public func unwatch(_ extent: Extent) { files.memory(of: extent).watch(by: nil) }

    /// Gives an extent back. Fails the schedule where a lease shows some of it.
    public func unmap(_ extent: Extent) { release(extent) }
    /// Empties ranges. Fails the schedule where a lease shows some of them, unless touching brings them back.
    public func unload(_ regions: [ExtentRange]) { empty(regions) }

    /// Brings windows in; `.readFailed` by chance.
    public func load(_ loads: inout [RegionLoad]) {
      try? begin("load")
      for index in loads.indices { load(&loads[index]) }
      end("load ends")
    }

    private func load(_ load: inout RegionLoad) {
      let (memory, range) = place(of: load.region)
      if let handle = load.handle, file(handle, "load") !== memory.file {
        scheduler.fail("loads one file into another file's extent")
      }
      memory.loading.append(range)
      do throws(MapError) {
        try begin("load of a window", (.readFailed, .ioError))
        memory.load(range)
        scheduler.pass("load of a window ends")
      } catch {
        load.error = error
      }
      memory.loading.removeAll { $0 == range }
    }

    /// Starts loads, which the kernel ends in any order; at once where there is none.
    public func submit(
      _ loads: [RegionLoad], completion: @escaping @Sendable ([RegionLoad]) -> Void
    ) -> LoadCancellation {
      guard let kernel, !isShutDown else {
        var loads = loads
        load(&loads)
        completion(loads)
        return .impossible
      }
      try? begin("submit")
      let cancelled = CancellationFlag()
      for one in loads {
        kernel.add(self) { [self] in
          var one = one
          if cancelled.isRaised {
            one.error = MapError(.cancelled)
          } else {
            load(&one)
          }
          completion([one])
        }
      }
      end("submit ends")
      return cancelled.cancellation
    }

    /// Ignores the advice, of a range that must be an extent's.
    public func advise(_ advice: AccessAdvice, _ region: ExtentRange) {
      try? begin("advise")
      _ = place(of: region)
      end("advise ends")
    }
  }
#endif
