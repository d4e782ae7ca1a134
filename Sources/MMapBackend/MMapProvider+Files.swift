public import MapProtocols
internal import SystemPackage

extension MMapProvider {
  /// Opens a path (openat(2), never hanging on a FIFO or a terminal), or duplicates a descriptor; then statx(2).
  ///
  /// - Throws: `.notRegularFile`, `.blockDevice`, `.unsizedFile`, `.handlesExhausted` (EMFILE, ENFILE), and
  ///   `.openFailed` for all else: EACCES for a descriptor open for writing only, EBADF for a closed one. Whatever
  ///   was opened until then is closed.
  public func open(_ source: FileSource) throws(MapError) -> OpenedFile {
    let file = try syscalls.openFile(source)
    return OpenedFile(handle: Handle(rawValue: Int(file.descriptor.rawValue)), status: file.status)
  }

  /// A relative path from the root: getcwd(3).
  public func resolve(_ source: FileSource) -> FileSource { syscalls.paths.resolve(source) }

  /// What a source leads to now: statx(2).
  ///
  /// - Throws: `.openFailed`.
  public func status(of source: FileSource) throws(MapError) -> FileStatus {
    try syscalls.status(of: source)
  }

  /// What a handle leads to now: statx(2).
  ///
  /// - Throws: `.openFailed`.
  public func status(of handle: Handle) throws(MapError) -> FileStatus {
    try syscalls.status(of: FileDescriptor(handle))
  }

  /// Closes a handle: close(2). Its extents stay readable.
  public func close(_ handle: Handle) {
    syscalls.close(FileDescriptor(handle))
  }
}
