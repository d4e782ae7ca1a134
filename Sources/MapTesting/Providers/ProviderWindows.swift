internal import MapProtocols

/// The windows of any backend, whichever way they come: as a manager sees them.
struct ProviderWindows: Sendable {
  private let maps: (any MappingProvider)?
  private let copies: CopiedWindows

  /// The windows of a provider, which they keep.
  init(of provider: any RegionProvider) {
    maps = provider as? any MappingProvider
    copies = CopiedWindows(of: provider)
  }

  /// Whether they are the file's own pages.
  var areMaps: Bool { maps != nil }
  /// Whether `load` need not be called.
  var loadsWhenTouched: Bool { maps?.mapping.loadsWhenTouched == true }

  /// Addresses for a file.
  func makeExtent(
    _ handle: Handle, fileSize: Int64, byteCount: Int, alignment: Int
  ) throws(MapError) -> Extent {
    if let maps {
      return try maps.map(
        handle, fileSize: fileSize, byteCount: byteCount, alignment: alignment)
    }
    return try copies.reserve(fileSize: fileSize, byteCount: byteCount, alignment: alignment)
  }

  /// Gives addresses back.
  func release(_ extent: Extent) {
    if let maps { maps.unmap(extent) } else { copies.release(extent) }
  }

  /// Brings windows in.
  func load(_ loads: inout [RegionLoad]) {
    if let maps { maps.load(&loads) } else { copies.load(&loads) }
  }

  /// Starts bringing windows in.
  func submit(
    _ loads: [RegionLoad], completion: @escaping @Sendable ([RegionLoad]) -> Void
  ) {
    if let maps {
      maps.submit(loads, completion: completion)
    } else {
      copies.submit(loads, completion: completion)
    }
  }

  /// Empties windows.
  func unload(_ regions: [ExtentRange]) {
    if let maps { maps.unload(regions) } else { copies.unload(regions) }
  }
}
