import BenchmarkSupport

/// Reads through plain mappings of the whole files: no budget, nothing to look up, the most a map can give.
final class MappingReader: Reader, @unchecked Sendable {
  private let files: MappedFiles

  init(_ files: MappedFiles) { self.files = files }

  override func perform(_ accesses: ArraySlice<Access>) throws {
    let mappings = unsafe files.mappings.start
    drive(accesses) { file, offset in
      unsafe mappings[file].bytes.fourWords(at: offset)
    }
  }
}
