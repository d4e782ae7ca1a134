import SlidingMap

/// The backends of the package, for tests that hold for each.
enum BackendKind: String, CaseIterable, Sendable {
  case mmap, automatic, uring, direct, pread

  /// A new one. Where there is no ring, those that want one read by pread(2).
  func make() throws -> any RegionProvider {
    switch self {
    case .mmap: MMapProvider()
    case .automatic: MMapProvider.automatic
    case .uring: try URingProvider()
    case .direct: try URingProvider(opensDirectly: true)
    case .pread: URingProvider.pread
    }
  }

  /// Whether budgets are hard.
  var isAnonymous: Bool { self != .mmap && self != .automatic }
}
