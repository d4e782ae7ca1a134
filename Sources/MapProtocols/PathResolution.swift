public import SystemPackage

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// Where the paths of a backend begin, and whether the last name of one may be a symbolic link: for programs that read where others may
/// write.
///
/// ```swift
/// let uploads = try FileDescriptor.open("/srv/uploads", .readOnly, options: .directory)
/// let paths = try PathResolution(in: uploads, followsLinks: false)
/// let maps = SlidingWindowMapManager(backend: .automatic(paths: paths))
/// var cursor = try maps.cursor(for: "2026/report.bin")   // of that directory, wherever it is moved
/// ```
///
/// It holds for each open and each later look at a path, through the ring as well. A path from the root is one; and `..`, or a link in
/// place of a directory, leads out of the directory as ever: check names before, or mount a file system of its own.
public struct PathResolution: Sendable {
  /// Keeps a directory open.
  private final class Directory: Sendable {
    let descriptor: FileDescriptor

    init(_ descriptor: FileDescriptor) { self.descriptor = descriptor }
    deinit { PlainCalls().close(descriptor) }
  }

  private let root: Directory?
  /// Whether a path may end at a symbolic link, and then leads where that does. Otherwise such a path is `.notRegularFile`.
  public let followsLinks: Bool

  /// As open(2) has it: relative paths begin in the directory in which the program is when it asks for a cursor, and links are followed.
  public static let ordinary = PathResolution(nil, followsLinks: true)

  /// Links are not followed: O_NOFOLLOW, AT_SYMLINK_NOFOLLOW.
  public static let withoutLinks = PathResolution(nil, followsLinks: false)

  /// Relative paths begin in a directory: openat(2), statx(2).
  ///
  /// - Parameters:
  ///   - directory: which stays its owner's and may be closed after; it is duplicated, and that one is closed with the last copy of this
  ///     value.
  ///   - followsLinks: whether a path may end at a symbolic link.
  /// - Throws: `.handlesExhausted`, `.openFailed`: fcntl(2).
  public init(in directory: FileDescriptor, followsLinks: Bool = true) throws(MapError) {
    do throws(Errno) {
      self.init(Directory(try PlainCalls().duplicate(directory)), followsLinks: followsLinks)
    } catch {
      throw MapError(opening: error).about(.descriptor(directory))
    }
  }

  private init(_ root: Directory?, followsLinks: Bool) {
    self.root = root
    self.followsLinks = followsLinks
  }

  /// Whether it is that of open(2).
  var isOrdinary: Bool { root == nil && followsLinks }

  /// The same for paths that `pathForOtherTables` gives.
  package var withoutDirectory: PathResolution { followsLinks ? .ordinary : .withoutLinks }

  /// A path that leads there for threads that have not the process's table of descriptors: by /proc, as proc(5) has it.
  package func pathForOtherTables(_ path: FilePath) -> FilePath {
    root.map { Self.pathForOtherTables($0.descriptor).pushing(path) } ?? path
  }

  /// A path that leads to an open file of the process's for threads that have not its table.
  package static func pathForOtherTables(_ descriptor: FileDescriptor) -> FilePath {
    FilePath("/proc/self/fd/\(descriptor.rawValue)")
  }

  /// What openat(2) and statx(2) take for the directory.
  package var directory: CInt { root?.descriptor.rawValue ?? AT_FDCWD }
  /// What open(2) is told beside.
  package var openFlags: CInt { followsLinks ? 0 : O_NOFOLLOW }
  /// What statx(2) is told.
  var lookFlags: CInt { followsLinks ? 0 : AT_SYMLINK_NOFOLLOW }

  /// A source that means the same file whatever directory the program goes to later: getcwd(3) for a relative path that does not begin in a
  /// directory of its own.
  package func resolve(_ source: FileSource) -> FileSource {
    root == nil ? source.absolute : source
  }
}
