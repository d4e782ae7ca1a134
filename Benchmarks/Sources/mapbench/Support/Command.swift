import Glibc
import SystemPackage

/// Other programs, run to their end.
enum Command {
  /// Runs a program found in $PATH and gives what it wrote to standard output: posix_spawnp(3). What it wrote to
  /// standard error is part of a failure.
  ///
  /// - Throws: `Errno.noSuchFileOrDirectory` where there is no such program; `CommandFailure` where it did not end well.
  static func output(_ name: String, _ arguments: [String]) throws -> String {
    let (reading, writing) = try FileDescriptor.pipe()
    defer { try? reading.close() }
    // A file, which unlike a second pipe can be read when all is over.
    guard let errors = unsafe tmpfile() else { throw Errno(rawValue: errno) }
    defer { unsafe fclose(errors) }
    let complaints = unsafe FileDescriptor(rawValue: fileno(errors))
    let child: pid_t
    do {
      defer { try? writing.close() }
      child = try start(name, arguments, writingTo: writing, complaints, not: reading)
    }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = try unsafe piece.withUnsafeMutableBytes { try unsafe reading.read(into: $0) }
      if count == 0 { break }
      bytes += piece[..<count]
    }
    var status: Int32 = 0
    while unsafe waitpid(child, &status, 0) < 0 {
      guard errno == EINTR else { throw Errno(rawValue: errno) }
    }
    let text = String(decoding: bytes, as: UTF8.self)
    if status != 0 {
      throw CommandFailure(
        name: name, status: status, output: text, complaint: try lastLine(of: complaints))
    }
    return text
  }

  /// The last line of a file that is not blank, nil where there is none.
  private static func lastLine(of file: FileDescriptor) throws -> String? {
    let size = try file.seek(offset: 0, from: .end)
    var end = [UInt8](repeating: 0, count: 4096)
    let start = max(size - Int64(end.count), 0)
    let count = try unsafe end.withUnsafeMutableBytes {
      try unsafe file.read(fromAbsoluteOffset: start, into: $0)
    }
    return end[..<count].split(separator: UInt8(ascii: "\n")).map {
      String(decoding: $0, as: UTF8.self)
    }
    .last { !$0.allSatisfy(\.isWhitespace) }
  }

  private static func start(
    _ name: String, _ arguments: [String], writingTo output: FileDescriptor,
    _ errors: FileDescriptor, not reading: FileDescriptor
  ) throws -> pid_t {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_adddup2(&actions, output.rawValue, 1)
    unsafe posix_spawn_file_actions_adddup2(&actions, errors.rawValue, 2)
    unsafe posix_spawn_file_actions_addclose(&actions, output.rawValue)
    unsafe posix_spawn_file_actions_addclose(&actions, errors.rawValue)
    unsafe posix_spawn_file_actions_addclose(&actions, reading.rawValue)
    // The tool's threads block the signals that end it; the child must not.
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    unsafe sigemptyset(&none)
    unsafe posix_spawnattr_setsigmask(&attributes, &none)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

    var words: [UnsafeMutablePointer<CChar>?] = unsafe []
    for word in [name] + arguments { unsafe words.append(strdup(word)) }
    defer { unsafe words.forEach { unsafe free($0) } }
    unsafe words.append(nil)
    var child = pid_t()
    let result = unsafe posix_spawnp(&child, name, &actions, &attributes, words, environ)
    if result != 0 { throw Errno(rawValue: result) }
    return child
  }
}
