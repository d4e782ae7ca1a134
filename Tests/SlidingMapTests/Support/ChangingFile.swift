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
}
