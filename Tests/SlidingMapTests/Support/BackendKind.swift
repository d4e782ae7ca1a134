import SlidingMap

/// The backends of the package, for tests that hold for each.
enum BackendKind: String, CaseIterable, Codable, Sendable {
  case mmap, automatic, uring, direct, pread

  /// A new one. Where there is no ring, those that want one read by pread(2).
  func make(paths: PathResolution = .ordinary) throws -> any RegionProvider {
    switch self {
    case .mmap: MMapProvider(paths: paths)
    case .automatic: MMapProvider.automatic(paths: paths)
    case .uring: try URingProvider(paths: paths)
    case .direct: try URingProvider(opensDirectly: true, paths: paths)
    case .pread: URingProvider.pread(paths: paths)
    }
  }

  /// Those whose handles tell how a file is whatever became of its paths: those of direct descriptors since Linux 6.8.
  static let withTellingHandles = allCases.filter { $0 != .direct || directHandlesTell }

  private static let directHandlesTell: Bool = {
    guard let scratch = try? Scratch(), let provider = try? direct.make(),
      let path = try? scratch.write("probe", [1]),
      let opened = try? provider.open(.path(path))
    else { return false }
    defer { provider.close(opened.handle) }
    try? scratch.remove("probe")
    return (try? provider.status(of: opened.handle)) != nil
  }()

  /// Whether budgets are hard.
  var isAnonymous: Bool { self != .mmap && self != .automatic }
}
