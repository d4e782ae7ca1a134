import ArgumentParser
import SlidingMap

/// The backends the tool knows by name.
enum BackendName: String, CaseIterable, Sendable {
  case mmap, uring, pread, automatic

  /// A fresh backend.
  ///
  /// - Throws: `.unsupported` for `uring` where there is no ring.
  func make() throws(MapError) -> any RegionProvider {
    switch self {
    case .mmap: .mmap
    case .uring: try .uring(method: .ring)
    case .pread: .pread
    case .automatic: .automatic
    }
  }

  /// A ring for so many reads at a time, past the page cache or through it.
  static func ring(depth: Int, isDirect: Bool) throws(MapError) -> any RegionProvider {
    try .uring(depth: depth, direct: isDirect, method: .ring)
  }

  /// Whether its windows are memory of the process's own.
  var isAnonymous: Bool { self == .uring || self == .pread }

  /// Why this machine can't have it; nil where it can.
  var obstacle: String? {
    if self != .uring { return nil }
    let ring = RingReport()
    return ring.isAvailable ? nil : "there is no io_uring: \(ring.reason)"
  }

  /// The policies to run it with, of those the user named; without names one of each kind over maps, and the default policy
  /// over copies.
  func policies(_ named: [PolicyName]?) -> [PolicyName] {
    named ?? (isAnonymous ? [.lru] : PolicyName.usual)
  }

  /// The backends the user named, or those there are: the others are told of on standard error.
  ///
  /// - Throws: an error for a backend that was named and can't be had.
  static func chosen(_ named: NameList<BackendName>?) throws -> [BackendName] {
    try (named?.names ?? allCases).filter { backend in
      guard let obstacle = backend.obstacle else { return true }
      if named != nil { throw ValidationError("no \(backend.rawValue) here: \(obstacle)") }
      Report.note("mapbench: \(backend.rawValue) is left out: \(obstacle)")
      return false
    }
  }
}
