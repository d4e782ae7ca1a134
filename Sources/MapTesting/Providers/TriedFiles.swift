internal import MapProtocols
internal import SystemPackage

/// Where the files come from that a backend is tried on, and what leads to them.
struct TriedFiles: Sendable {
  /// A backend over some files.
  struct Subject: Sendable {
    let provider: any RegionProvider
    let source: @Sendable (String) -> FileSource
    /// Gives a file other bytes; nil where files never change.
    let change: (@Sendable (String, [UInt8]) throws -> Void)?
    /// Spoils what is kept of a file; nil where that can't be done.
    let damage: (@Sendable (String) throws -> Void)?
    /// Where the system's files are; nil for files of the backend's own.
    let directory: TemporaryDirectory?
  }

  let make: @Sendable ([String: [UInt8]]) throws -> Subject
  let areTheSystems: Bool

  init<Backend: RegionProvider>(
    source: @escaping @Sendable (String) -> FileSource,
    change: (@Sendable (Backend, String, [UInt8]) throws -> Void)?,
    damage: (@Sendable (Backend, String) throws -> Void)?,
    _ makeBackend: @escaping @Sendable ([String: [UInt8]]) throws -> Backend
  ) {
    areTheSystems = false
    make = { contents in
      let backend = try makeBackend(contents)
      var changeOne: (@Sendable (String, [UInt8]) throws -> Void)?
      if let change { changeOne = { name, bytes in try change(backend, name, bytes) } }
      var damageOne: (@Sendable (String) throws -> Void)?
      if let damage { damageOne = { name in try damage(backend, name) } }
      return Subject(
        provider: backend, source: source, change: changeOne, damage: damageOne, directory: nil)
    }
  }

  init(ofTheSystem makeBackend: @escaping @Sendable () throws -> any RegionProvider) {
    areTheSystems = true
    make = { contents in
      let directory = try TemporaryDirectory()
      for (name, bytes) in contents { try directory.file(name, bytes) }
      return Subject(
        provider: try makeBackend(), source: { .path(directory($0)) },
        change: { name, bytes in try directory.file(name, bytes) }, damage: nil,
        directory: directory)
    }
  }
}
