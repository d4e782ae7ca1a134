import SlidingMap
import SystemPackage

/// A file in memory, what it is before and after a write, and managers of small windows for it.
enum ChangingFile {
  static let path = FilePath("/memory/file")
  static let old = content(40_000)
  static let new = content(40_000, seed: 2)
  /// The backends whose windows are copies.
  static let copying: [BackendKind] = [.uring, .direct, .pread]

  static func maps(
    _ backend: some RegionProvider, _ changes: FileChanges = .followed
  ) -> SlidingWindowMapManager {
    SlidingWindowMapManager(backend: backend, windowSize: 4096, changes: changes)
  }

  /// A file in memory that may be written to within the same tick, and a manager of copies of it.
  static func justWritten(
    _ changes: FileChanges = .followed
  ) -> (files: MemoryProvider, maps: SlidingWindowMapManager) {
    let files = MemoryProvider([path: old])
    files.isSettled = false
    return (files, maps(files, changes))
  }
}
