/// Which file it is, whatever leads there; comparable for equality alone.
///
/// Two files that are there at the same time never have the same identity. One that is gone may leave its own to another.
public struct FileIdentity: Hashable, Sendable {
  private enum Name: Hashable, Sendable {
    case numbers(UInt64, UInt64, birthTime: Int64? = nil)
    case bytes([UInt8])
    indirect case part(of: Name, [UInt8])
  }
  private let name: Name

  /// The identity of a file of the system's: device and inode of stat(2), and the birth time of statx(2), which tells a file from the one
  /// that had its number before.
  ///
  /// - Parameter birthTime: in nanoseconds; nil where the file system has none.
  public init(device: UInt64, inode: UInt64, birthTime: Int64? = nil) {
    name = .numbers(device, inode, birthTime: birthTime)
  }

  /// An identity of a backend's own making, which does not come back with another file.
  public init(_ number: UInt64) { name = .numbers(.max, number) }

  /// An identity that takes more than a number: a bucket and a key, an address.
  public init(bytes: some Sequence<UInt8>) { name = .bytes(Array(bytes)) }

  /// The identity of a part of a file: of a member, by its name, of an archive.
  fileprivate init(part: String, of whole: FileIdentity) {
    name = .part(of: whole.name, Array(part.utf8))
  }

  /// A number that two identities seldom share, the same in every process: `RegionKey.file`, for policies that prefer a file, and
  /// `TraceAccess.file`. O(1), of identities of bytes O(bytes).
  public var fingerprint: UInt64 { Self.fingerprint(of: name) }

  private static func fingerprint(of name: Name) -> UInt64 {
    switch name {
    case .numbers(let device, let inode, _): mixed(inode ^ device &* 0x9E37_79B9_7F4A_7C15)
    case .bytes(let bytes): mixed(hash(bytes, from: 0xcbf2_9ce4_8422_2325))
    case .part(let whole, let bytes): mixed(hash(bytes, from: fingerprint(of: whole)))
    }
  }

  /// FNV-1a.
  private static func hash(_ bytes: [UInt8], from start: UInt64) -> UInt64 {
    bytes.reduce(start) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }

  private static func mixed(_ number: UInt64) -> UInt64 {
    let mixed = number &* 0xBF58_476D_1CE4_E5B9
    return mixed ^ mixed >> 31
  }
}

/// Which version of a file's content it is; comparable for equality alone, as clocks go back.
public struct FileVersion: Hashable, Sendable {
  private enum Name: Hashable, Sendable {
    case times(size: Int64, change: Int64, modification: Int64)
    case number(Int64)
    case bytes([UInt8])
  }
  private let name: Name

  /// The version of a file of the system's, as stat(2) tells it: size, and the times of the last change (st_ctim) and modification
  /// (st_mtim), in nanoseconds. The modification time may be put back by whoever writes, the change time goes back with the clock.
  public init(size: Int64, changeTime: Int64, modificationTime: Int64) {
    name = .times(size: size, change: changeTime, modification: modificationTime)
  }

  /// A version of a backend's own making: any number that is another after each change.
  public init(_ number: Int64) { name = .number(number) }

  /// A version that takes more than a number: a strong ETag, a hash of the content.
  public init(bytes: some Sequence<UInt8>) { name = .bytes(Array(bytes)) }
}

/// What a provider knows of a file without reading it.
public struct FileStatus: Hashable, Sendable {
  /// Which file.
  public let identity: FileIdentity
  /// Which version of its content.
  public let version: FileVersion
  /// The file's size in bytes.
  public let size: Int64
  /// Whether the next change gives the file another version for sure. It may not where versions are times: two writes within a tick of
  /// the clock leave the same. What was read of such a version is not given to those who look later.
  public let isSettled: Bool
  /// Whether nobody can write below the file's end (STATX_ATTR_APPEND of statx(2)), so that what was read of it stays true as it grows.
  public let isAppendOnly: Bool
  /// Whether other files may have the same identity at this moment, as on file systems whose numbers repeat (FUSE, 9p). Such a file is
  /// shared only by who comes by the same path to the same version of it, and is not looked for by its paths once its handle was closed
  /// and it has changed.
  public let isAmbiguous: Bool

  /// Makes a status.
  ///
  /// - Precondition: `size` is not negative.
  public init(
    identity: FileIdentity, version: FileVersion, size: Int64, isSettled: Bool = true,
    isAppendOnly: Bool = false, isAmbiguous: Bool = false
  ) {
    precondition(size >= 0, "a file's size is not negative")
    self.identity = identity
    self.version = version
    self.size = size
    self.isSettled = isSettled
    self.isAppendOnly = isAppendOnly
    self.isAmbiguous = isAmbiguous
  }

  /// What is known of a part of another file, such as a member of an archive: it changes when that does.
  ///
  /// - Parameters:
  ///   - part: what tells it from the others: its name.
  ///   - size: its own, in bytes, not negative.
  ///   - whole: what is known of the file that it lies in. Look at that first, and then where the part lies.
  public init(part: String, size: Int64, of whole: FileStatus) {
    self.init(
      identity: FileIdentity(part: part, of: whole.identity), version: whole.version, size: size,
      isSettled: whole.isSettled, isAmbiguous: whole.isAmbiguous)
  }

  /// Whether both are of one file in one version.
  package func isSame(as other: FileStatus) -> Bool {
    identity == other.identity && version == other.version && size == other.size
  }
}

extension FileIdentity: CustomStringConvertible {
  /// The numbers, or the bytes in hexadecimal; of a part of a file its name, too.
  public var description: String { Self.description(of: name) }

  private static func description(of name: Name) -> String {
    switch name {
    case .numbers(.max, let number, _): "\(number)"
    case .numbers(let device, let inode, _): "\(device):\(inode)"
    case .bytes(let bytes): bytes.hexadecimal
    case .part(let whole, let bytes):
      "\(String(decoding: bytes, as: UTF8.self)) in \(description(of: whole))"
    }
  }
}

extension FileVersion: CustomStringConvertible {
  /// Size and times, or the number, or the bytes in hexadecimal.
  public var description: String {
    switch name {
    case .times(let size, let change, let modification): "\(size) bytes, \(change), \(modification)"
    case .number(let number): "\(number)"
    case .bytes(let bytes): bytes.hexadecimal
    }
  }
}

extension [UInt8] {
  fileprivate var hexadecimal: String {
    reduce(into: "") { $0 += ($1 < 16 ? "0" : "") + String($1, radix: 16) }
  }
}
