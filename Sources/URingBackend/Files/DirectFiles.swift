internal import MapProtocols
internal import SystemPackage

/// What is remembered of the files in a ring's table.
final class DirectFiles: Sendable {
  struct File {
    /// The path it was opened by; nil if it was a descriptor of the caller's.
    let path: FilePath?
    /// Which file it is.
    let identity: FileIdentity
  }

  private let files = Guarded<[Int32: File]>([:])

  subscript(slot: Int32) -> File? {
    get { files.withLock { $0[slot] } }
    set { files.withLock { $0[slot] = newValue } }
  }
}
