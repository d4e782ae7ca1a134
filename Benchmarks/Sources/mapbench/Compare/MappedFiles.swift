import BenchmarkSupport

/// Files mapped whole, once for all threads.
final class MappedFiles: Sendable {
  let mappings: OwnedPlaces<RawMapping>

  init(_ files: [FoundFile]) throws {
    mappings = try OwnedPlaces(count: files.count) { try RawMapping(files[$0].path) }
  }
}
