import MapProtocols

/// One of a manager's backends: the one the user chose, or the one that takes over from it.
final class Backend: Sendable {
  let provider: any RegionProvider
  let properties: ProviderProperties
  /// Windows share what one fault maps, so each must be loaded at once and trimmed.
  let isTrimmed: Bool

  init(_ provider: any RegionProvider, _ grid: WindowGrid) {
    self.provider = provider
    properties = provider.properties
    isTrimmed = properties.faultAround > 0 && grid.windowSize % Int64(properties.faultAround) != 0
  }

  /// Whether windows are there without a call to `load`.
  var loadsByItself: Bool { properties.loadsWhenTouched && !isTrimmed }

  /// Whether windows that nobody uses may be emptied while they stay loaded, because others are.
  var emptiesAhead: Bool { properties.unloadsTogether && loadsByItself }
}
