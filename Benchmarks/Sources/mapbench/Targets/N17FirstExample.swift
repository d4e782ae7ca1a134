import BenchmarkSupport
import Glibc
import SystemPackage

/// N17: README's first example, as a reader builds it, counting lines.
enum N17FirstExample: Target {
  static let number = "N17"
  private static let fileSize = 200_000_000

  static func measure(_ bench: Workbench) throws -> [TargetResult] {
    guard unsafe access(script.string, X_OK) == 0 else {
      bench.skip(number, "\(script) is not there: the tool was built elsewhere")
      return []
    }
    // The script takes example and manifest out of README; here it only has to say where the program is.
    let said = try Command.output(script.string, [bench.directory.appending("example").string])
    guard let program = said.split(separator: "\n").last.map(String.init) else {
      throw CommandFailure(name: script.string, status: 0, output: said)
    }
    let text = bench.directory.appending("lines.txt")
    try writeLines(text)
    try PatternFile.warm(text)
    var lines: (ours: UInt64, peer: UInt64) = (0, 0)
    let pairs = try bench.pairs(
      ours: { try time(program, [text.string], &lines.ours) },
      peer: { try time("wc", ["-l", text.string], &lines.peer) }, Pair.ratio)
    try ChecksumMismatch.check(lines.ours, lines.peer, number)
    return [
      .atMost(
        2, "x", name: number, work: "README's first example over 200 MB, against wc -l",
        measure: "ms", pairs,
        note: "\(grouped(Int(lines.peer))) lines; starting the programs counts")
    ]
  }

  /// In the package that the tool was built in.
  private static var script: FilePath {
    var path = FilePath(#filePath)
    for _ in 0..<5 { path.removeLastComponent() }
    return path.appending("script").appending("readme-example")
  }

  /// How long a program takes from its start to its end, in milliseconds, and the number that it writes first.
  private static func time(
    _ name: String, _ arguments: [String], _ number: inout UInt64
  ) throws -> Double {
    var output = ""
    let time = try seconds { output = try Command.output(name, arguments) }
    let first = output.split(whereSeparator: \.isWhitespace).first
    guard let first, let value = UInt64(first) else {
      throw CommandFailure(name: name, status: 0, output: output)
    }
    number = value
    return time * 1e3
  }

  /// Lines of 0 to 99 letters, the last without a newline.
  private static func writeLines(_ path: FilePath) throws {
    let file = try FileDescriptor.open(
      path, .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
    defer { try? file.close() }
    var generator = SeededGenerator(seed: 17)
    var block: [UInt8] = []
    while block.count < 1 << 20 {
      let length = Int(generator.next() % 100)
      for _ in 0..<length { block.append(UInt8(ascii: "a") + UInt8(generator.next() % 26)) }
      block.append(UInt8(ascii: "\n"))
    }
    var left = fileSize
    while left > 0 {
      left -= try file.writeAll(block.prefix(left))
    }
  }
}
