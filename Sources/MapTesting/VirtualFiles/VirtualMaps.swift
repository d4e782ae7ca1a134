#if Schedule
  package import MapProtocols
  internal import SystemPackage

  /// A `VirtualProvider` whose windows are maps.
  package final class VirtualMaps: VirtualProvider, MappingProvider, @unchecked Sendable {
    package let mapping: MappingProperties
    private let bypass: Int

    package init(
      _ files: VirtualFiles, _ mapping: MappingProperties, bypassLimit: Int,
      takeover: Takeover? = nil, kernel: VirtualKernel?
    ) {
      self.mapping = mapping
      bypass = bypassLimit
      super.init(files, "maps", takeover: takeover, kernel: kernel)
    }

    override var faultAround: Int { mapping.faultAround }
    package override var reloadCost: Int { 3_000 }
    package override var bypassLimit: Int { bypass }

    package func map(
      _ handle: Handle, fileSize: Int64, byteCount: Int, alignment: Int
    ) throws(MapError) -> Extent {
      try makeExtent(of: file(handle, "map"), fileSize: fileSize, byteCount: byteCount)
    }

    package func map(
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

    package func unmap(_ extent: Extent) { release(extent) }
    package func unload(_ regions: [ExtentRange]) { empty(regions) }

    package func load(_ loads: inout [RegionLoad]) {
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

    package func submit(
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

    package func advise(_ advice: AccessAdvice, _ region: ExtentRange) {
      try? begin("advise")
      _ = place(of: region)
      end("advise ends")
    }
  }
#endif
