import SlidingMap

/// What fills one row: a way to read, and the policy it unloads by.
enum Subject: Sendable {
  case sliding(BackendName, PolicyName)
  case whole(PolicyName)
  /// A manager for which nothing is chosen.
  case defaults
  case mapping
  case pread

  /// The baselines first, then what a program has that chooses nothing, the sliding manager over each backend, and the static one over
  /// mmap. Over the other backends a whole file is read for each window that is missing: over files like these that measures nothing
  /// else.
  ///
  /// - Parameter policies: nil for one of each kind over maps, and one over the other backends: they differ in what a miss costs, and
  ///   the policies differ in how many there are.
  static func all(_ backends: [BackendName], _ policies: [PolicyName]?) -> [Subject] {
    var subjects: [Subject] = [.mapping, .pread]
    if backends.contains(.automatic) { subjects.append(.defaults) }
    for backend in backends {
      subjects += backend.policies(policies).map { .sliding(backend, $0) }
    }
    if backends.contains(.mmap) {
      subjects += BackendName.mmap.policies(policies).map { .whole($0) }
    }
    return subjects
  }

  var backend: String {
    switch self {
    case .sliding(let backend, _): "sliding \(backend.rawValue)"
    case .whole: "static mmap"
    case .defaults: "all defaults"
    case .mapping: "raw mmap"
    case .pread: "pread"
    }
  }

  var policy: String {
    switch self {
    case .sliding(_, let policy), .whole(let policy): policy.rawValue
    case .defaults: PolicyName.lru.rawValue
    case .mapping, .pread: "-"
    }
  }

  /// Whether what it holds is memory of the process's own.
  var isAnonymous: Bool {
    if case .sliding(let backend, _) = self { backend.isAnonymous } else { false }
  }

  /// A fresh manager, where there is one.
  func makeManager(budget: Int, windowSize: Int) throws -> MapManager? {
    switch self {
    case .sliding(let backend, let policy):
      policy.slidingManager(
        .fixed(bytes: budget), windowSize: windowSize, backend: try backend.make())
    case .whole(let policy): policy.staticManager(.fixed(bytes: budget))
    case .defaults: SlidingWindowMapManager()
    case .mapping, .pread: nil
    }
  }

  /// A reader for each thread. They share what a program's threads would: the manager, descriptors, whole mappings.
  func makeReaders(_ count: Int, _ maps: MapManager?, _ files: [FoundFile]) throws -> [Reader] {
    if let maps { return try (0..<count).map { _ in try CursorReader(maps, files) } }
    if case .pread = self {
      let opened = try OpenFiles(files)
      return (0..<count).map { _ in PreadReader(opened) }
    }
    let mapped = try MappedFiles(files)
    return (0..<count).map { _ in MappingReader(mapped) }
  }
}
