public import SystemPackage

/// Where a cursor got its file from: a path, a descriptor of the caller's, or a name that a backend gives a meaning.
public enum FileSource: Hashable, Sendable, CustomStringConvertible {
  /// A path, as the caller wrote it.
  case path(FilePath)
  /// A descriptor that stays its owner's; it is duplicated and may be closed once the cursor exists.
  case descriptor(FileDescriptor)
  // In a box: of cursors a word larger the compiler lends no bytes where a pointer leads to them (Swift 6.3).
  /// A name of the backend's author: an address on a server, an entry of an archive.
  indirect case name(String)

  /// The path, or nil for anything else.
  public var path: FilePath? {
    if case .path(let path) = self { path } else { nil }
  }

  /// Whether it may be asked for again: it stays the caller's own words, as a descriptor does not.
  package var isLasting: Bool {
    if case .descriptor = self { false } else { true }
  }

  /// The path or name in quotes, or the descriptor's number.
  public var description: String {
    switch self {
    case .path(let path): "\"\(path)\""
    case .descriptor(let descriptor): "descriptor \(descriptor.rawValue)"
    case .name(let name): "\"\(name)\""
    }
  }
}
