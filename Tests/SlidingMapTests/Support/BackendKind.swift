import SlidingMap

/// The backends of the package, for tests that hold for each.
enum BackendKind: String, CaseIterable, Codable, Sendable {
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
