/// Reads through plain mappings of the whole files: no budget, nothing to look up, the most a map can give.
final class MappingReader: Reader, @unchecked Sendable {
  private let mappings: OwnedPlaces<RawMapping>

  init(_ files: [FoundFile]) throws {
    mappings = try OwnedPlaces(count: files.count) { try RawMapping(files[$0].path) }
  }

  override func perform(_ accesses: ArraySlice<Access>) throws {
    let mappings = unsafe mappings.start
    drive(accesses) { file, offset in
      unsafe mappings[file].bytes.fourWords(at: offset)
    }
  }
}
