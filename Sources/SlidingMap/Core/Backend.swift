import MapProtocols

/// One of a manager's backends: the one the user chose, or the one that takes over from it; and how windows come by it, as maps or
/// as copies.
final class Backend: Sendable {
  let provider: any RegionProvider
  let name: String
  let reloadCost: Int
  /// How its maps behave; nil where windows are copies.
  let mapping: MappingProperties?
  /// Windows share what one fault maps, so each must be loaded at once and trimmed.
  let isTrimmed: Bool
  private let windows: Windows
  /// In bytes, for who watches maps; `Int.max` where a file is one window.
  private let windowSize: Int
  private let share: ProviderShare

  private enum Windows {
    case mapped(any MappingProvider)
    case copied(CopiedWindows)
  }

  init(_ provider: any RegionProvider, _ grid: WindowGrid) {
    self.provider = provider
    share = ProviderShare(of: provider)
    name = provider.name
    reloadCost = provider.reloadCost
    if let maps = provider as? any MappingProvider {
      windows = .mapped(maps)
      mapping = maps.mapping
    } else {
      windows = .copied(CopiedWindows(of: provider))
      mapping = nil
    }
    windowSize = Int(clamping: grid.windowSize)
    let faultAround = Int64(mapping?.faultAround ?? 0)
    isTrimmed = faultAround > 0 && grid.windowSize % faultAround != 0
  }

  // MARK: What follows from how windows come

  /// Whether windows are copies: memory of the process's own, of the version that was read. Else they are maps, which show writes as they
  /// happen and keep their file.
  var isCopying: Bool { mapping == nil }

  /// Whether the bytes of a window come when they are touched.
  var loadsWhenTouched: Bool { mapping?.loadsWhenTouched ?? false }

  /// Whether windows are there without a call to `load`.
  var loadsByItself: Bool { loadsWhenTouched && !isTrimmed }

  /// Whether windows that nobody uses may be emptied while they stay loaded, because others are.
  var emptiesAhead: Bool { mapping?.unloadsTogether == true && loadsByItself }

  /// Kernel maps that an extent takes, its windows left out; see `Extent.mapsPerWindow`.
  var mapsPerExtent: Int { isCopying ? CopiedWindows.mapsPerExtent : 1 }

  /// Ends the manager's use of the provider, which ends with the last of them. Idempotent; called by several threads at a time, it
  /// returns to none before what is to end has ended.
  ///
  /// - Returns: whether the provider has ended.
  @discardableResult
  func end() -> Bool { share.end() }

  /// The window size in bytes of a manager whose user names one, or nil.
  static func windowSize(_ asked: Int?, of provider: some RegionProvider) -> Int {
    if let asked { return asked }
    guard let preferred = provider.preferredWindowSize else {
      return SlidingWindowMapManager.defaultWindowSize
    }
    if preferred <= 0 || preferred % SystemPage.size != 0 {
      MapProtocols.refuse(
        "backend", provider.name, "prefers windows of \(preferred) bytes, no multiple of a page")
    }
    return preferred
  }

  // MARK: Extents

  /// Has addresses made for a file, and checks that they reach to its end. Of a map `poison` hears what is missing.
  func makeExtent(
    _ handle: Handle, fileSize: Int64, byteCount: Int, alignment: Int, _ poison: ExtentPoison
  ) throws(MapError) -> Extent {
    let extent: Extent
    switch windows {
    case .mapped(let maps):
      extent = try maps.map(
        handle, fileSize: fileSize, byteCount: byteCount, alignment: alignment)
    case .copied(let copies):
      extent = try copies.reserve(
        fileSize: fileSize, byteCount: byteCount, alignment: alignment)
    }
    if extent.byteCount < fileSize {
      refuse("gives \(extent.byteCount) bytes of addresses for a file of \(fileSize)")
    }
    if unsafe !isCopying && UInt(bitPattern: extent.base) % UInt(SystemPage.size) != 0 {
      refuse("gives addresses that begin within a page")
    }
    try watch(extent, poison)
    return extent
  }

  /// Sees to it that missing pages of a new map are noted, or gives the map back.
  private func watch(_ extent: Extent, _ poison: ExtentPoison) throws(MapError) {
    guard case .mapped(let maps) = windows else { return }
    do throws(MapError) {
      try maps.watch(extent, windowSize: windowSize, poison)
    } catch {
      maps.unmap(extent)
      throw error
    }
  }

  /// Whether windows can have addresses of their own, one by one.
  var mapsSpans: Bool {
    if case .mapped(let maps) = windows { maps.mapsSpans } else { true }
  }

  /// Has addresses made for one window, and tells how it will be read.
  func makeSpan(
    _ handle: Handle, _ span: Range<Int64>, _ advice: AccessAdvice, _ poison: ExtentPoison
  ) throws(MapError) -> Extent {
    switch windows {
    case .copied(let copies):
      return try copies.reserve(span: span)
    case .mapped(let maps):
      let extent = try maps.map(handle, span: span)
      if unsafe extent.range != span || UInt(bitPattern: extent.base) % UInt(SystemPage.size) != 0 {
        refuse("gives \(extent.range) of a file for \(span), or addresses that begin within a page")
      }
      try watch(extent, poison)
      if advice != .normal {
        let whole = ExtentRange(
          extent: extent, offset: extent.offset, byteCount: extent.byteCount)
        maps.advise(advice, whole)
      }
      return extent
    }
  }

  /// The error of a load that got fewer bytes than the file has, though the file has not changed.
  func shortRead(_ load: RegionLoad) -> MapError {
    MapError(
      .readFailed, range: load.error?.range,
      underlying: BrokenPromise(backend: name, "read fewer bytes than the file has"))
  }

  /// The error of a load whose end is not told though the provider has ended.
  func untoldEnd() -> MapError {
    MapError(
      .shutdown,
      underlying: BrokenPromise(backend: name, "has shut down without telling the end of a load"))
  }

  /// What a backend did that it must not do.
  private struct BrokenPromise: Error, CustomStringConvertible {
    let description: String
    init(backend: String, _ mistake: String) {
      description = "the backend \"\(backend)\" \(mistake)"
    }
  }

  private func refuse(_ mistake: String) -> Never { MapProtocols.refuse("backend", name, mistake) }

  /// Puts a map in the place of copies, which are read meanwhile: it is watched from before it is there.
  ///
  /// - Throws: `.unsupported` where windows are copies.
  func makeExtent(
    _ handle: Handle, fileSize: Int64, replacing extent: Extent, _ poison: ExtentPoison
  ) throws(MapError) -> Extent {
    guard case .mapped(let maps) = windows else { throw MapError(.unsupported) }
    try maps.watch(extent, windowSize: windowSize, poison)
    let map: Extent
    do throws(MapError) {
      map = try maps.map(handle, fileSize: fileSize, replacing: extent.withoutClosing)
    } catch {
      maps.unwatch(extent)
      throw error
    }
    if unsafe map.base != extent.base || map.byteCount != extent.byteCount {
      refuse("puts a map in another place than that of the copies")
    }
    return map
  }

  func release(_ extent: Extent) {
    switch windows {
    case .mapped(let maps):
      maps.unwatch(extent)
      maps.unmap(extent)
    case .copied(let copies): copies.release(extent)
    }
  }

  // MARK: Windows

  func load(_ loads: inout [RegionLoad]) {
    switch windows {
    case .mapped(let maps):
      let asked = loads.map(\.tag)
      maps.load(&loads)
      if loads.map(\.tag) != asked { refuse("changes which windows it is to load") }
    case .copied(let copies): copies.load(&loads)
    }
  }

  /// Reads bytes without a window.
  func read(
    _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(MapError) -> Int {
    let count = try unsafe provider.read(handle, at: offset, into: buffer)
    if count < 0 || count > buffer.count {
      refuse("reads \(count) bytes into memory for \(buffer.count)")
    }
    return count
  }

  func submit(
    _ loads: [RegionLoad], completion: @escaping @Sendable ([RegionLoad]) -> Void
  ) -> LoadCancellation {
    switch windows {
    case .mapped(let maps): maps.submit(loads, completion: completion)
    case .copied(let copies): copies.submit(loads, completion: completion)
    }
  }

  /// Brings bytes of a file into the system's memory; see `MappingProvider.warm`.
  func warm(_ handle: Handle, _ range: Range<Int64>) throws(MapError) -> Int {
    let count: Int
    switch windows {
    case .mapped(let maps): count = try maps.warm(handle, range)
    case .copied: count = try provider.readThrough(handle, range)
    }
    if count < 0 || count > range.count { refuse("warms \(count) bytes of \(range.count)") }
    return count
  }

  /// How many bytes of a range the system has in memory, or nil where nobody can tell.
  func residentBytes(of handle: Handle, in range: Range<Int64>) -> Int? {
    if case .mapped(let maps) = windows { maps.residentBytes(of: handle, in: range) } else { nil }
  }

  /// Maps a part of a file once more, for who reads nothing there, so that nobody watches it.
  ///
  /// - Precondition: `mapsSpans`; the span begins and ends with a page.
  /// - Throws: `.notMappable` where windows are copies.
  func mapApart(_ handle: Handle, span: Range<Int64>) throws(MapError) -> Extent {
    guard case .mapped(let maps) = windows else { throw MapError(.notMappable) }
    let extent = try maps.map(handle, span: span)
    if extent.range != span { refuse("gives \(extent.range) of a file for \(span)") }
    return extent
  }

  /// The same for the beginning of a file.
  ///
  /// - Throws: `.notMappable` where windows are copies.
  func mapApart(_ handle: Handle, byteCount: Int) throws(MapError) -> Extent {
    guard case .mapped(let maps) = windows else { throw MapError(.notMappable) }
    return try maps.map(
      handle, fileSize: Int64(byteCount), byteCount: byteCount, alignment: 1)
  }

  func unmapApart(_ extent: Extent) {
    if case .mapped(let maps) = windows { maps.unmap(extent) }
  }

  func unload(_ regions: [ExtentRange]) {
    switch windows {
    case .mapped(let maps): maps.unload(regions)
    case .copied(let copies): copies.unload(regions)
    }
  }

  func advise(_ advice: AccessAdvice, _ region: ExtentRange) {
    if case .mapped(let maps) = windows { maps.advise(advice, region) }
  }
}
