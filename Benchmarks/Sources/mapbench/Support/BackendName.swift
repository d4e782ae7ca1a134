import ArgumentParser
import SlidingMap

/// The backends the tool knows by name.
enum BackendName: String, CaseIterable, Sendable {
  case mmap, uring, pread, automatic

  /// A fresh backend.
  func make() throws(MapError) -> any RegionProvider {
    switch self {
    case .mmap: .mmap
    default: throw MapError(.unsupported)
    }
  }

  /// A ring for so many reads at a time, past the page cache or through it.
  static func ring(depth: Int, isDirect: Bool) throws(MapError) -> any RegionProvider {
    throw MapError(.unsupported)
  }

  /// Whether its windows are memory of the process's own.
  var isAnonymous: Bool { self == .uring || self == .pread }

  /// Why this machine can't have it; nil where it can.
  var obstacle: String? {
    self == .mmap ? nil : "this version has none"
  }

  /// The policies to run it with, of those the user named; without names all over mmap, and the default policy over the
  /// others.
  func policies(_ named: [PolicyName]?) -> [PolicyName] {
    named ?? (self == .mmap ? PolicyName.allCases : [.lru])
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
