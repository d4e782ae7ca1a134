import SystemPackage

/// Another implementation of windows over files, run as a program of its own. None is a dependency: what a machine lacks is
/// left out.
struct Peer: Sendable {
  /// What it is called in the table, with its version.
  let name: String
  /// Whether it reads only the first of the accesses, because each takes so long.
  let isSlow: Bool
  private let command: String
  private let arguments: [String]

  /// Those that can run here; the others are told of on standard error, with what would bring them.
  ///
  /// - Parameter directory: where programs are put.
  static func found(in directory: FilePath) throws -> [Peer] {
    try [
      find("libgit2", "needs a C compiler and libgit2's static library (Debian: libgit2-dev)") {
        try libgit2(directory)
      },
      find("smmap", "needs Python's package smmap (pip install smmap)") { try smmap(directory) },
    ].compactMap { $0 }
  }

  private static func find(_ name: String, _ need: String, _ make: () throws -> Peer) throws
    -> Peer?
  {
    var reason = ""
    do {
      return try make()
    } catch Errno.noSuchFileOrDirectory {
    } catch let failure as CommandFailure {
      reason = ": \(failure.reason)"
    }
    Report.note("mapbench: the peer \(name) is left out: it \(need)\(reason)")
    return nil
  }

  /// Its windows are no part of its interface, so its shared library does not show them. Of the static one only windows
  /// and what they call are wanted; symbols that the rest of it lacks are never reached.
  private static func libgit2(_ directory: FilePath) throws -> Peer {
    let source = directory.appending("git_windows.c")
    let program = directory.appending("git_windows").string
    try write(PackageResources.git_windows_c, to: source)
    _ = try Command.output(
      "cc",
      [
        "-O2", "-no-pie", "-o", program, source.string, "-l:libgit2.a", "-lpthread",
        "-Wl,--unresolved-symbols=ignore-all",
      ])
    let version = try Command.output(program, ["--version"])
    return Peer(
      name: "libgit2 \(version)", isSlow: false, command: program, arguments: [])
  }

  private static func smmap(_ directory: FilePath) throws -> Peer {
    let script = directory.appending("smmap_windows.py")
    try write(PackageResources.smmap_windows_py, to: script)
    let version = try Command.output("python3", [script.string, "--version"])
    return Peer(
      name: "smmap \(version)", isSlow: true, command: "python3", arguments: [script.string])
  }

  private static func write(_ bytes: [UInt8], to path: FilePath) throws {
    let file = try FileDescriptor.open(
      path, .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
    try file.closeAfter { _ = try file.writeAll(bytes) }
  }

  /// What it measured.
  struct Result {
    let checksum: UInt64
    let seconds: Double
    let peakBytes: Int
    let residentBytes: Int
    /// Nil where it doesn't tell.
    let loads: Int?
    let latencies: [UInt64]
  }

  /// Reads files as a `Reader` does.
  ///
  /// - Parameter directory: for the list of accesses.
  func read(
    _ accesses: ArraySlice<Access>, warmUp: Int, _ files: [FoundFile], budget: Int,
    windowSize: Int, in directory: FilePath
  ) throws -> Result {
    let list = directory.appending("accesses")
    let words = accesses.map(\.word.littleEndian)
    try unsafe words.withUnsafeBytes { try unsafe Self.write(Array($0), to: list) }
    let text = try Command.output(
      command,
      arguments + [list.string, String(warmUp), String(budget), String(windowSize)]
        + files.map(\.path.string))
    let lines = text.split(separator: "\n")
    let fields = (lines.first ?? "").split(separator: " ")
    guard fields.count == 5, let checksum = UInt64(fields[0], radix: 16),
      let seconds = Double(fields[1]), let peak = Int(fields[2]), let resident = Int(fields[3])
    else { throw CommandFailure(name: name, status: 0, output: text) }
    return Result(
      checksum: checksum, seconds: seconds, peakBytes: peak, residentBytes: resident,
      loads: Int(fields[4]), latencies: lines.dropFirst().compactMap { UInt64($0) })
  }
}
