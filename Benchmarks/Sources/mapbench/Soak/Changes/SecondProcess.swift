import Glibc
import SystemPackage

/// The tool run once more, to change files; see `ChangeFilesCommand`.
struct SecondProcess: ~Copyable {
  static let tableName = "table"

  private let child: pid_t
  /// The other end of its standard input.
  private let input: FileDescriptor

  /// Starts it: posix_spawn(3). It inherits the mask that blocks SIGINT and SIGTERM, so that it goes after this process.
  ///
  /// - Throws: `Errno`.
  init(in directory: FilePath, files: Int, changesPerSecond: Int, seed: UInt64) throws {
    let (reading, writing) = try FileDescriptor.pipe()
    defer { try? reading.close() }
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_adddup2(&actions, reading.rawValue, 0)
    unsafe posix_spawn_file_actions_addclose(&actions, reading.rawValue)
    unsafe posix_spawn_file_actions_addclose(&actions, writing.rawValue)
    let arguments = [
      "mapbench", "soak", ChangeFilesCommand.name, directory.string,
      "\(files)", "\(changesPerSecond)", "\(seed)",
    ]
    var words: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) }
    defer { unsafe words.forEach { unsafe free($0) } }
    unsafe words.append(nil)
    var child = pid_t()
    let result = unsafe posix_spawn(&child, "/proc/self/exe", &actions, nil, words, environ)
    if result != 0 {
      try? writing.close()
      throw Errno(rawValue: result)
    }
    self.child = child
    input = writing
  }

  /// Has it end, and waits for that.
  ///
  /// - Throws: `CommandFailure` where it did not end well, or had ended before.
  consuming func stop() throws {
    try input.close()
    var status: Int32 = 0
    while unsafe waitpid(child, &status, 0) < 0 {
      guard errno == EINTR else { throw Errno(rawValue: errno) }
    }
    if status != 0 { throw CommandFailure(name: "the second process", status: status, output: "") }
  }
}
