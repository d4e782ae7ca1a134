import BenchmarkSupport
import FoundationEssentials
import Glibc
import SystemPackage

/// What the file system of a directory can do, tried on one of its files.
struct DirectoryReport: Encodable {
  let path: String
  /// By its number; see `FileSystemName`.
  let fileSystem: String
  let isMemory: Bool
  let isRemote: Bool
  /// What was tried on; null where there was nothing to try on.
  var triedOn: String?
  /// Whether files can be mapped; null where that could not be tried.
  var isMappable: Bool?
  /// The least alignment in bytes at which reads past the page cache work; null where they don't.
  var directAlignment: Int?
  /// Why something does not work, or could not be tried.
  var problems: [String] = []
  /// Whether MADV_POPULATE_READ works on a map of the file.
  var isPopulatable: Bool?
  /// Whether reads with RWF_NOWAIT work on the file.
  var readsWithoutWaiting: Bool?

  private static let least = 8192

  /// Looks at `directory`. An existing file serves, so that a directory of data is left alone; else one is made for it.
  init(_ directory: FilePath) {
    let type = (try? Probe.fileSystemType(directory)) ?? 0
    path = directory.string
    fileSystem = FileSystemName.of(type)
    isMemory = FileSystemName.isMemory(type)
    isRemote = FileSystemName.isRemote(type)
    if let file = Self.existing(in: directory) {
      attempt(file)
      return
    }
    do {
      let own = try TemporaryDirectory(under: directory.string)
      defer { own.remove() }
      let file = own.path.appending("probe")
      try PatternFile.write(file, byteCount: Self.least, seed: 1)
      attempt(file)
      triedOn = "a file made for it"
    } catch {
      problems.append("no file to try on, and none can be made: \(error)")
    }
  }

  /// Files on another file system than the directory's own, mounted over or linked to, would tell something else.
  private static func existing(in directory: FilePath) -> FilePath? {
    var own = stat()
    guard unsafe stat(directory.string, &own) == 0,
      let names = try? FileManager.default.contentsOfDirectory(atPath: directory.string)
    else { return nil }
    for name in names.sorted() {
      let path = directory.appending(name)
      var status = stat()
      if unsafe lstat(path.string, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
        status.st_dev == own.st_dev, status.st_size >= least,
        unsafe access(path.string, R_OK) == 0
      {
        return path
      }
    }
    return nil
  }

  private mutating func attempt(_ path: FilePath) {
    triedOn = path.string
    do {
      let file = try FileDescriptor.open(path, .readOnly)
      defer { try? file.close() }
      do throws(Errno) {
        _ = try Probe.isCached(file, at: 0)
        readsWithoutWaiting = true
      } catch {
        readsWithoutWaiting = false
        problems.append("reading with RWF_NOWAIT: \(error)")
      }
      attemptMapping(file)
    } catch {
      problems.append("opening \(path): \(error)")
      return
    }
    attemptDirect(path)
  }

  private mutating func attemptMapping(_ file: FileDescriptor) {
    do {
      let mapping = try RawMapping(file, byteCount: Self.least)
      isMappable = true
      if let error = Probe.populateError(mapping) {
        isPopulatable = false
        problems.append("MADV_POPULATE_READ: \(error)")
      } else {
        isPopulatable = true
      }
    } catch {
      isMappable = false
      problems.append("mapping: \(error)")
    }
  }

  private mutating func attemptDirect(_ path: FilePath) {
    do {
      let file = try Probe.openDirect(path)
      defer { try? file.close() }
      let buffer = AlignedBuffer(byteCount: 4096)
      for alignment in [512, 1024, 2048, 4096] {
        let count = try? buffer.fill(from: file, at: Int64(alignment), count: alignment)
        if let count, count > 0 {
          directAlignment = alignment
          return
        }
      }
      problems.append("O_DIRECT: reads at 512 to 4,096 bytes fail")
    } catch {
      problems.append("O_DIRECT: \(error)")
    }
  }
}
