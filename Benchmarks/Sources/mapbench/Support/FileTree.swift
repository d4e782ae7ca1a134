import FoundationEssentials
import Glibc
import SystemPackage

/// A regular file and its size when it was found.
struct FoundFile: Sendable {
  let path: FilePath
  let size: Int64
}

/// Finds regular files, the same ones in the same order each time.
enum FileTree {
  /// All regular files under `root`, sorted by path. Symbolic links are not followed; what can't be read is skipped.
  static func files(under root: FilePath) throws -> [FoundFile] {
    var status = stat()
    guard unsafe stat(root.string, &status) == 0 else { throw Errno(rawValue: errno) }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw Errno.notDirectory }
    var found: [FoundFile] = []
    var pending = [root]
    while let directory = pending.popLast() {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.string)) ?? []
      for name in names {
        let path = directory.appending(name)
        var status = stat()
        guard unsafe lstat(path.string, &status) == 0 else { continue }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: pending.append(path)
        case S_IFREG where unsafe access(path.string, R_OK) == 0:
          found.append(FoundFile(path: path, size: Int64(status.st_size)))
        default: break
        }
      }
    }
    return found.sorted { $0.path.string < $1.path.string }
  }
}
