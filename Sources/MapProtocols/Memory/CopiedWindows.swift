internal import SystemPackage

/// The windows of a backend that reads, as copies: addresses for a file, windows read into them and emptied again.
package struct CopiedWindows: Sendable {
  private let provider: any RegionProvider
  private let memory: any CopyMemory
  private let judge: Judge

  /// Kernel maps that an extent takes; where it opens windows one by one, `Extent.mapsPerWindow` for each of them come to that.
  package static let mapsPerExtent = 2

  package init(of provider: any RegionProvider) {
    self.init(of: provider, in: provider as? any CopyMemory ?? SystemCopyMemory())
  }

  package init(of provider: any RegionProvider, in memory: any CopyMemory) {
    self.provider = provider
    self.memory = memory
    judge = Judge(memory: memory, name: provider.name)
  }

  /// Reserves addresses; see `CopyMemory.reserve`.
  package func reserve(
    fileSize: Int64, byteCount: Int, alignment: Int
  ) throws(MapError) -> Extent {
    try memory.reserve(fileSize: fileSize, byteCount: byteCount, alignment: alignment)
  }

  /// Reserves addresses for one window; see `CopyMemory.reserve(span:)`.
  package func reserve(span: Range<Int64>) throws(MapError) -> Extent {
    try memory.reserve(span: span)
  }

  /// Gives addresses back. Nobody uses them any more.
  package func release(_ extent: Extent) { memory.release(extent) }

  /// Empties windows: their memory goes back to the system.
  package func unload(_ regions: [ExtentRange]) { memory.empty(regions) }

  /// Reads windows and sets the `error` of each that fails: `.fileTruncated` where the file ends before its last page, and what
  /// reading throws. Windows that fail hold no memory.
  package func load(_ loads: inout [RegionLoad]) {
    var requests: [ReadRequest] = []
    for index in loads.indices {
      loads[index].error = open(loads[index])
      if loads[index].error != nil { continue }
      if let request = Self.request(for: loads[index], tag: index) { requests.append(request) }
    }
    let count = requests.count
    provider.read(&requests)
    if requests.count != count { judge.refuse("changes which reads it is asked for") }
    for request in requests { judge.finish(&loads[request.tag], request.result) }
  }

  /// Starts reading windows; the end of each is told to `completion` once, on any thread, perhaps before this returns.
  @discardableResult
  package func submit(
    _ loads: [RegionLoad], completion: @escaping @Sendable ([RegionLoad]) -> Void
  ) -> LoadCancellation {
    var (started, failed): ([RegionLoad], [RegionLoad]) = ([], [])
    for var load in loads {
      load.error = open(load)
      if load.error == nil { started.append(load) } else { failed.append(load) }
    }
    if !failed.isEmpty { completion(failed) }
    if started.isEmpty { return .impossible }
    // Whoever submits gives small windows their memory, on a processor of its own, and the thread that feeds the disk need not: for a
    // page that is a third of its work. The memory of larger ones comes as they are read.
    memory.populate(started.map(\.region).filter { 1...Self.small ~= $0.byteCount })
    let waiting = Waiting(started)
    let requests = started.indices.compactMap { Self.request(for: started[$0], tag: $0) }
    // Not holding the provider, which may end before its thread has told all ends.
    return provider.submit(requests) { [judge] ended in
      guard var loads = waiting.take(ended) else {
        judge.refuse("tells an end that is none, or was told before")
      }
      for index in loads.indices { judge.finish(&loads[index], ended[index].result) }
      if !loads.isEmpty { completion(loads) }
    }
  }

  /// Makes a window ready to be read into, or tells why it can't be.
  private func open(_ load: RegionLoad) -> MapError? {
    if load.handle == nil { return .withoutHandle }
    if !load.region.extent.opensWindows { return nil }
    do throws(MapError) {
      try memory.open(load.region)
      return nil
    } catch {
      return error
    }
  }

  /// Up to how many bytes of a window are small: a few microseconds' worth of zeros.
  private static let small = 16 << 10

  /// Loads whose end was not told.
  private final class Waiting: Sendable {
    private let loads: Guarded<[RegionLoad?]>
    init(_ loads: [RegionLoad]) { self.loads = Guarded(loads) }

    /// The loads whose reads have ended; nil if one is unknown or was taken before.
    func take(_ ended: [ReadRequest]) -> [RegionLoad]? {
      loads.withLock { loads in
        var taken: [RegionLoad] = []
        taken.reserveCapacity(ended.count)
        for request in ended {
          guard loads.indices.contains(request.tag), let load = loads[request.tag].take() else {
            return nil
          }
          taken.append(load)
        }
        return taken
      }
    }
  }

  /// What is to be read for a load: whole pages, for the file may end within the last. Nil without a handle.
  private static func request(for load: RegionLoad, tag: Int) -> ReadRequest? {
    guard let handle = load.handle else { return nil }
    let region = load.region
    let byteCount = SystemPage.rounded(region.byteCount) ?? region.byteCount
    let buffer = unsafe UnsafeMutableRawBufferPointer(start: region.start, count: byteCount)
    return unsafe ReadRequest(handle, at: region.offset, into: buffer, tag: tag)
  }

  /// What is made of the ends of reads.
  private struct Judge: Sendable {
    let memory: any CopyMemory
    let name: String

    /// What a window is like when its read has ended: whole, and zeros in its last page past the file's end; or the error, and no memory.
    func finish(_ load: inout RegionLoad, _ result: Result<Int, MapError>) {
      let region = load.region
      let range = region.offset..<region.offset + Int64(region.byteCount)
      let page = SystemPage.size
      switch result {
      case .failure(let error):
        // The window's, not that of the whole pages it was read in; without one it is that of whoever asked.
        load.error = error.of(error.range == nil ? nil : range)
      case .success(let count):
        if count < 0 || count > SystemPage.rounded(region.byteCount) ?? region.byteCount {
          refuse("reads \(count) bytes into memory for \(region.byteCount)")
        }
        load.error = count < load.least ? MapError(.fileTruncated, range: range) : nil
      }
      guard load.error == nil, case .success(let count) = result else {
        return memory.empty([region])
      }
      // What was there before, or what the file holds past the range.
      let filled = min(count, region.byteCount)
      unsafe (region.start + filled).initializeMemory(
        as: UInt8.self, repeating: 0, count: -filled & (page - 1))
    }

    func refuse(_ mistake: String) -> Never { MapProtocols.refuse("backend", name, mistake) }
  }
}

extension MapError {
  /// A load that can't be, since copies don't keep their file.
  fileprivate static var withoutHandle: MapError {
    MapError(.readFailed, errno: .badFileDescriptor)
  }
}
