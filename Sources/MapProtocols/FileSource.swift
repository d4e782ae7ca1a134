public import SystemPackage

/// Where a cursor got its file from: a path, or a descriptor of the caller's.
public enum FileSource: Hashable, Sendable, CustomStringConvertible {
  /// A path, as the caller wrote it.
  case path(FilePath)
  /// A descriptor that stays its owner's; it is duplicated and may be closed once the cursor exists.
  case descriptor(FileDescriptor)

  /// The path, or nil for a descriptor.
  public var path: FilePath? {
    if case .path(let path) = self { path } else { nil }
  }

  /// The path in quotes, or the descriptor's number.
  public var description: String {
    switch self {
    case .path(let path): "\"\(path)\""
    case .descriptor(let descriptor): "descriptor \(descriptor.rawValue)"
    }
  }
}

/// Which file it is, whatever path leads there: device and inode of stat(2).
public struct FileIdentity: Hashable, Sendable {
  /// The device that holds the file (st_dev).
  public let device: UInt64
  /// The file's number on that device (st_ino). A deleted file's number may come back with another file.
  public let inode: UInt64

  /// Makes an identity; a provider without devices and inodes picks numbers of its own that don't repeat.
  public init(device: UInt64, inode: UInt64) {
    self.device = device
    self.inode = inode
  }
}

/// Which version of a file's content it is: size, and the times of the last change and modification.
public struct FileGeneration: Hashable, Sendable {
  /// The file's size in bytes.
  public let size: Int64
  /// Nanoseconds since 1970 of the last change to content or attributes (st_ctim). It may go back
  /// with the clock.
  public let changeTime: Int64
  /// Nanoseconds since 1970 of the last change to content (st_mtim).
  public let modificationTime: Int64

  /// Makes a generation.
  ///
  /// - Parameters:
  ///   - size: in bytes.
  ///   - changeTime: in nanoseconds, or any number that is another after each change.
  ///   - modificationTime: the same for content alone; nil where they are one.
  public init(size: Int64, changeTime: Int64, modificationTime: Int64? = nil) {
    self.size = size
    self.changeTime = changeTime
    self.modificationTime = modificationTime ?? changeTime
  }

  /// Whether the content of one file, which is known to be the same file, is the same in both generations, as far as its own
  /// time tells: removing or renaming it, or changing its owner, changes `changeTime` alone; so does a write after which
  /// somebody put the modification time back.
  public func hasSameContent(as other: FileGeneration) -> Bool {
    size == other.size && modificationTime == other.modificationTime
  }
}

/// What a provider knows of a file without reading it.
public struct FileStatus: Hashable, Sendable {
  /// Which file.
  public let identity: FileIdentity
  /// Which version of its content.
  public let generation: FileGeneration
  /// The file's size in bytes.
  public var size: Int64 { generation.size }

  /// Makes a status.
  public init(identity: FileIdentity, generation: FileGeneration) {
    self.identity = identity
    self.generation = generation
  }
}
