public import SystemPackage

/// What went wrong with which file, where, and what the system said.
///
/// Everything the environment does to a reader arrives as a `MapError`: a missing or unreadable file, a full descriptor
/// table, a file that was replaced. Mistakes of the caller (a negative offset, a window size that is no multiple of the
/// page) are preconditions instead.
public struct MapError: Error, Hashable, Sendable {
  /// Which kind of thing went wrong; more codes may come.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    private enum Kind: Hashable, Sendable {
      case ours(StaticName)
      case custom(String)
    }
    private let kind: Kind
    private init(_ name: StaticName) { kind = .ours(name) }
    private init(custom name: String) { kind = .custom(name) }

    /// What only a backend of its author's own knows, such as a server that is asked too often: "throttled". It equals no other code.
    public static func custom(_ name: String) -> Code { Code(custom: name) }

    /// Whether it is an author's own.
    package var isCustom: Bool {
      if case .custom = kind { true } else { false }
    }

    /// The code's name in Swift, as written after the dot; of an author's own code the name it was given.
    public var description: String {
      switch kind {
      case .ours(let name): "\(name)"
      case .custom(let name): name
      }
    }

    private enum StaticName: Hashable, Sendable {
      case openFailed, notRegularFile, blockDevice, unsizedFile, notMappable, fileChanged
      case fileTruncated, readFailed, writeFailed, invalidTrace, incompleteTrace, budgetExhausted
      case addressSpaceExhausted, handlesExhausted, lockedMemoryExhausted, cancelled, shutdown,
        forked, unsupported
      case unknownPolicy
    }

    /// The file could not be opened or examined: `errno` says why (open(2), fstat(2)).
    public static let openFailed = Code(.openFailed)
    /// A directory, FIFO, socket or character device: nothing with bytes at offsets.
    public static let notRegularFile = Code(.notRegularFile)
    /// A block device. It has no size that stat(2) would tell; use its file system's files.
    public static let blockDevice = Code(.blockDevice)
    /// A file whose size the kernel gives as 0 although it has content, as under /proc.
    public static let unsizedFile = Code(.unsizedFile)
    /// The file system of this file can't map it (ENODEV).
    public static let notMappable = Code(.notMappable)
    /// The paths lead nowhere, to another file than the one the cursor reads, or to one that was changed, and neither a map
    /// nor a handle holds the old one any more; or nobody can tell how it is now.
    public static let fileChanged = Code(.fileChanged)
    /// The file ends before bytes that it had when it was opened.
    public static let fileTruncated = Code(.fileTruncated)
    /// Reading failed: `errno` says why, EIO for a bad disk.
    public static let readFailed = Code(.readFailed)
    /// A recording could not be written: `errno` says why, ENOSPC for a full disk.
    public static let writeFailed = Code(.writeFailed)
    /// What should be a recording of accesses is none, or was damaged: `range` says which bytes are wrong.
    public static let invalidTrace = Code(.invalidTrace)
    /// A recording of accesses ends within one: it was cut short. All those before are whole.
    public static let incompleteTrace = Code(.incompleteTrace)
    /// A hard budget can't hold the request beside what is pinned.
    public static let budgetExhausted = Code(.budgetExhausted)
    /// No address space or kernel maps for the file (ENOMEM), even after unloading what nobody uses.
    public static let addressSpaceExhausted = Code(.addressSpaceExhausted)
    /// No descriptor to be had (EMFILE, ENFILE), even after closing idle handles.
    public static let handlesExhausted = Code(.handlesExhausted)
    /// No more memory may be locked: RLIMIT_MEMLOCK (ENOMEM; EPERM where it is 0), or the system has none for it (EAGAIN).
    public static let lockedMemoryExhausted = Code(.lockedMemoryExhausted)
    /// The task that waited was cancelled.
    public static let cancelled = Code(.cancelled)
    /// The manager was shut down.
    public static let shutdown = Code(.shutdown)
    /// A child process after fork(2) asked for what takes the manager's lock: a window that was not loaded, a new cursor.
    public static let forked = Code(.forked)
    /// This provider does not offer what was asked.
    public static let unsupported = Code(.unsupported)
    /// A configuration names a policy that there is not; `underlying` lists those that there are.
    public static let unknownPolicy = Code(.unknownPolicy)
  }

  /// What is told, in an object, so that an error is one word: results, loads, and functions that throw carry it.
  private final class Details: Sendable {
    let code: Code
    let source: FileSource?
    let range: Range<Int64>?
    let errno: Errno?
    let underlying: (any Error)?

    init(
      _ code: Code, _ source: FileSource?, _ range: Range<Int64>?, _ errno: Errno?,
      _ underlying: (any Error)?
    ) {
      self.code = code
      self.source = source
      self.range = range
      self.errno = errno
      self.underlying = underlying
    }
  }
  private let details: Details

  /// The kind of failure; compare with `==`.
  public var code: Code { details.code }
  /// The file it happened to, if it was about one.
  public var source: FileSource? { details.source }
  /// The bytes of the file that were asked for, if it was about some; of a recording, those that are wrong.
  public var range: Range<Int64>? { details.range }
  /// The system's own word, where it had one.
  public var errno: Errno? { details.errno }
  /// What a library beneath the backend threw, where there is one: a client's error, a server's answer. Two errors that differ in
  /// this alone are equal.
  public var underlying: (any Error)? { details.underlying }

  /// Makes an error, for authors of providers.
  public init(
    _ code: Code, source: FileSource? = nil, range: Range<Int64>? = nil, errno: Errno? = nil,
    underlying: (any Error)? = nil
  ) {
    details = Details(code, source, range, errno, underlying)
  }

  /// The same error with the file and range filled in where they were missing.
  package func about(_ source: FileSource?, range: Range<Int64>? = nil) -> MapError {
    MapError(
      code, source: self.source ?? source, range: self.range ?? range, errno: errno,
      underlying: underlying)
  }

  /// The same error about other bytes of the file: those that were asked for, not the window that they lie in.
  package func of(_ range: Range<Int64>?) -> MapError {
    MapError(code, source: source, range: range, errno: errno, underlying: underlying)
  }
}

extension MapError {
  /// Whether code, file, range and errno are the same.
  public static func == (one: MapError, other: MapError) -> Bool {
    one.code == other.code && one.source == other.source && one.range == other.range
      && one.errno == other.errno
  }

  /// Hashes what `==` compares.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(code)
    hasher.combine(source)
    hasher.combine(range)
    hasher.combine(errno)
  }
}

extension MapError: CustomStringConvertible {
  /// One line for a log: code, file, range, errno, and what lies beneath.
  public var description: String {
    var text = "MapError.\(code)"
    if let source { text += " in \(source)" }
    if let range { text += " at \(range)" }
    if let errno { text += ": \(errno)" }
    if let underlying { text += " (\(underlying))" }
    return text
  }
}
