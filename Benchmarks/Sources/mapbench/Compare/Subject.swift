import SlidingMap

/// What fills one row: a way to read, and the policy it unloads by.
enum Subject: Sendable {
  case sliding(PolicyName)
  case whole(PolicyName)
  case mapping
  case pread

  /// The baselines first, then both managers with each policy.
  static func all(_ policies: [PolicyName]) -> [Subject] {
    [.mapping, .pread] + policies.map { .sliding($0) } + policies.map { .whole($0) }
  }

  var backend: String {
    switch self {
    case .sliding: "sliding mmap"
    case .whole: "static mmap"
    case .mapping: "raw mmap"
    case .pread: "pread"
    }
  }

  var policy: String {
    switch self {
    case .sliding(let policy), .whole(let policy): policy.rawValue
    case .mapping, .pread: "-"
    }
  }

  /// A fresh manager, where there is one.
  func makeManager(budget: Int, windowSize: Int) -> MapManager? {
    switch self {
    case .sliding(let policy):
      policy.slidingManager(.fixed(bytes: budget), windowSize: windowSize)
    case .whole(let policy): policy.staticManager(.fixed(bytes: budget))
    case .mapping, .pread: nil
    }
  }

  /// A reader for one thread.
  func makeReader(_ maps: MapManager?, _ files: [FoundFile]) throws -> Reader {
    if let maps { return try CursorReader(maps, files) }
    if case .pread = self { return try PreadReader(files) }
    return try MappingReader(files)
  }
}
