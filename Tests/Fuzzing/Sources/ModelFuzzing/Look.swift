import SlidingMap

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// What bytes that were shown turn out to be.
enum Look: Equatable {
  /// What the file has there, or had in a version that may be shown.
  case right
  /// Zeros stand among them for what the file has not: somebody must be told.
  case missing
  case wrong

  /// Judges bytes from `offset` on of a file.
  ///
  /// - Parameters:
  ///   - versions: the numbers of those that copies may be of.
  ///   - earlier: what the same lease showed before; a copy stays as it is.
  init(
    _ bytes: RawSpan, at offset: Int, of file: ModelFile, _ setup: Setup, _ versions: Range<Int>,
    earlier: [UInt8]? = nil
  ) {
    if bytes.isEmpty {
      self = .right
    } else if setup.mayCopy, Self.isCopy(bytes, offset, file, versions, earlier) {
      self = .right
    } else {
      self = setup.kind.mayMap ? Self.ofMap(bytes, offset, file) : .wrong
    }
  }

  private static func isCopy(
    _ bytes: RawSpan, _ offset: Int, _ file: ModelFile, _ versions: Range<Int>,
    _ earlier: [UInt8]?
  ) -> Bool {
    if let earlier { return earlier.count == bytes.byteCount && shows(bytes, earlier, 0) }
    return versions.reversed().contains { shows(bytes, file.versions[$0], offset) }
  }

  /// Whether bytes are those of `content` from `offset` on.
  private static func shows(_ bytes: RawSpan, _ content: [UInt8], _ offset: Int) -> Bool {
    let count = bytes.byteCount
    if offset + count > content.count { return false }
    return unsafe bytes.withUnsafeBytes { bytes in
      unsafe content.withUnsafeBytes { content in
        unsafe memcmp(bytes.baseAddress!, content.baseAddress! + offset, count) == 0
      }
    }
  }

  private static func ofMap(_ bytes: RawSpan, _ offset: Int, _ file: ModelFile) -> Look {
    let present = file.present
    if shows(bytes, present, offset) { return .right }
    if !file.wasCut { return .wrong }
    // Past the file's end the kernel fills its last page with zeros, of which nobody is told.
    let filled = Setup.pages(present.count)
    var look = Look.right
    for index in 0..<bytes.byteCount {
      let byte = unsafe bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
      let place = offset + index
      if place < present.count && byte == present[place] { continue }
      if byte != 0 { return .wrong }
      if place < present.count || place >= filled { look = .missing }
    }
    return look
  }
}

/// Whether each byte is one that the file may show there, in whatever version.
func mayBeMixed(
  _ bytes: some Sequence<UInt8>, at offset: Int, of file: ModelFile, _ versions: Range<Int>
) -> Bool {
  var place = offset
  for byte in bytes {
    let isKnown = versions.contains {
      place < file.versions[$0].count && file.versions[$0][place] == byte
    }
    if !isKnown && !(byte == 0 && file.wasCut) { return false }
    place += 1
  }
  return true
}
