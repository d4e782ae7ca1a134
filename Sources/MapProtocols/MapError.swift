public import SystemPackage

/// What went wrong with which file, where, and what the system said.
///
/// Everything the environment does to a reader arrives as a `MapError`: a missing or unreadable file, a full descriptor
/// table, a file that was replaced. Mistakes of the caller (a negative offset, a window size that is no multiple of the
/// page) are preconditions instead.
public struct MapError: Error, Hashable, Sendable {
  /// Which kind of thing went wrong; more codes may come.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    /// The code's name in Swift, as written after the dot.
    public let description: String
    private init(_ description: String) { self.description = description }

    /// The file could not be opened or examined: `errno` says why (open(2), fstat(2)).
    public static let openFailed = Code("openFailed")
    /// A directory, FIFO, socket or character device: nothing with bytes at offsets.
    public static let notRegularFile = Code("notRegularFile")
    /// A block device. It has no size that stat(2) would tell; use its file system's files.
    public static let blockDevice = Code("blockDevice")
    /// A file whose size the kernel gives as 0 although it has content, as under /proc.
    public static let unsizedFile = Code("unsizedFile")
    /// The file system of this file can't map it (ENODEV).
    public static let notMappable = Code("notMappable")
    /// The paths lead nowhere, to another file than the one the cursor reads, or to one that was changed, and neither a map
    /// nor a handle holds the old one any more; or nobody can tell how it is now.
    public static let fileChanged = Code("fileChanged")
    /// The file ends before bytes that it had when it was opened.
    public static let fileTruncated = Code("fileTruncated")
    /// Reading failed: `errno` says why, EIO for a bad disk.
    public static let readFailed = Code("readFailed")
    /// A recording could not be written: `errno` says why, ENOSPC for a full disk.
    public static let writeFailed = Code("writeFailed")
    /// What should be a recording of accesses is none, or ends too soon.
    public static let invalidTrace = Code("invalidTrace")
    /// A hard budget can't hold the request beside what is pinned.
    public static let budgetExhausted = Code("budgetExhausted")
    /// No address space or kernel maps for the file (ENOMEM), even after unloading what nobody uses.
    public static let addressSpaceExhausted = Code("addressSpaceExhausted")
    /// No descriptor to be had (EMFILE, ENFILE), even after closing idle handles.
    public static let handlesExhausted = Code("handlesExhausted")
    /// The task that waited was cancelled.
    public static let cancelled = Code("cancelled")
    /// The manager was shut down.
    public static let shutDown = Code("shutDown")
    /// A child process after fork(2) asked for what takes the manager's lock: a window that was not loaded, a new cursor.
    public static let forked = Code("forked")
    /// This provider does not offer what was asked.
    public static let unsupported = Code("unsupported")
  }

  /// The kind of failure; compare with `==`.
  public let code: Code
  /// The file it happened to, if it was about one.
  public let source: FileSource?
  /// The bytes of the file that were asked for, if it was about some.
  public let range: Range<Int64>?
  /// The system's own word, where it had one.
  public let errno: Errno?

  /// Makes an error, for authors of providers.
  public init(
    _ code: Code, source: FileSource? = nil, range: Range<Int64>? = nil, errno: Errno? = nil
  ) {
    self.code = code
    self.source = source
    self.range = range
    self.errno = errno
  }

  /// The same error with the file and range filled in where they were missing.
  public func about(_ source: FileSource, range: Range<Int64>? = nil) -> MapError {
    MapError(code, source: self.source ?? source, range: self.range ?? range, errno: errno)
  }
}

extension MapError: CustomStringConvertible {
  /// One line for a log: code, file, range and errno.
  public var description: String {
    var text = "MapError.\(code)"
    if let source { text += " in \(source)" }
    if let range { text += " at \(range)" }
    if let errno { text += ": \(errno)" }
    return text
  }
}
