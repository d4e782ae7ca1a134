import SystemPackage

/// Small files in which the kernel tells of itself.
enum SystemText {
  /// A file's text without white space at its ends, or nil if it can't be read. Files of /proc and /sys have no size: it
  /// reads until nothing more comes.
  static func read(_ path: String) -> String? {
    guard let file = try? FileDescriptor.open(FilePath(path), .readOnly) else { return nil }
    defer { try? file.close() }
    var text: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = unsafe piece.withUnsafeMutableBytes { try? unsafe file.read(into: $0) }
      guard let count else { return nil }
      if count == 0 { break }
      text += piece[..<count]
    }
    let isSpace: (UInt8) -> Bool = { $0 == 32 || (9...13).contains($0) }
    while let last = text.last, isSpace(last) { text.removeLast() }
    return String(decoding: text.drop(while: isSpace), as: UTF8.self)
  }
}
