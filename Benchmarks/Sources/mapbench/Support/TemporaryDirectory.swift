import FoundationEssentials
import Glibc
import Synchronization
import SystemPackage

/// A directory of the tool's own, gone after `remove`, on SIGINT and on SIGTERM.
final class TemporaryDirectory: Sendable {
  /// Where temporary files go: $TMPDIR, else /tmp.
  static var parent: String { ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp" }

  let path: FilePath

  /// Makes it by mkdtemp(3).
  init(under parent: String = TemporaryDirectory.parent) throws {
    var template = Array("\(parent)/mapbench-XXXXXX".utf8CString)
    guard unsafe mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
    let bytes = template.dropLast().map(UInt8.init(bitPattern:))
    path = FilePath(String(decoding: bytes, as: UTF8.self))
    Cleanup.add(path)
  }

  /// Removes it and all that is in it.
  func remove() { Cleanup.remove(path) }
}

/// The directories to be removed if a signal ends the tool.
enum Cleanup {
  private static let paths = Mutex<Set<FilePath>>([])

  static func add(_ path: FilePath) {
    paths.withLock { _ = $0.insert(path) }
  }

  static func remove(_ path: FilePath) {
    try? FileManager.default.removeItem(atPath: path.string)
    paths.withLock { _ = $0.remove(path) }
  }

  /// Waits for SIGINT and SIGTERM on a thread of its own. To be called before any other thread exists: all inherit the
  /// mask that leaves the signals to this one, so that removing files needs no signal handler.
  static func onSignals() {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGINT)
    unsafe sigaddset(&signals, SIGTERM)
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    let watched = signals
    Worker.detach {
      var signals = watched
      var number: Int32 = 0
      unsafe sigwait(&signals, &number)
      exit(128 + number)
    }
  }

  /// Removes all and ends the tool, whatever other threads are doing.
  static func exit(_ status: Int32) -> Never {
    for path in paths.withLock({ $0 }) {
      // A running thread may still be adding files: a second pass finds them.
      for _ in 0..<3 where unsafe access(path.string, F_OK) == 0 {
        try? FileManager.default.removeItem(atPath: path.string)
      }
    }
    _exit(status)
  }
}
