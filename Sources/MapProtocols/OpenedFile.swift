/// An open file of a provider: a descriptor, a slot in a ring's table, or what the provider likes.
public struct Handle: RawRepresentable, Hashable, Sendable {
  /// The provider's own number.
  public let rawValue: Int
  /// Makes a handle from the provider's number.
  public init(rawValue: Int) { self.rawValue = rawValue }
}

/// What `RegionProvider.open` found.
public struct OpenedFile: Sendable {
  /// To be closed by `RegionProvider.close`.
  public let handle: Handle
  /// The file's identity, version and size at that moment.
  public let status: FileStatus

  /// Describes an open file.
  public init(handle: Handle, status: FileStatus) {
    self.handle = handle
    self.status = status
  }
}

/// The backend that goes on where another can't, and the memory kept for it.
public struct Takeover: Sendable {
  /// Opens files without descriptors of the process, and reads.
  public let provider: any RegionProvider
  /// Memory reserved when the manager is made, in windows (of at most 2 MiB each), for requests that find no addresses: each
  /// is limited to it, and all under way at a time share it.
  public let reservedWindows: Int

  /// Describes a takeover.
  ///
  /// - Precondition: `reservedWindows` is positive.
  public init(provider: any RegionProvider, reservedWindows: Int = 4) {
    precondition(reservedWindows > 0, "a takeover needs memory")
    self.provider = provider
    self.reservedWindows = reservedWindows
  }
}
