import ArgumentParser
import SystemPackage

/// Requests for regions, in the order in which they were made.
struct Trace: Sendable {
  private(set) var name: String
  /// Which region each request is for: numbers from 0, in the order in which they first appear.
  let requests: [Int32]
  /// How many different regions there are.
  let regionCount: Int

  /// Reads a trace, in the format named or else in the one it seems to have. The path "-" is standard input.
  ///
  /// - Throws: `TraceError` for what is no trace, `Errno` for what can't be read.
  init(_ path: FilePath, _ format: TraceFormat?) throws {
    let isInput = path == "-"
    let file = isInput ? FileDescriptor.standardInput : try FileDescriptor.open(path, .readOnly)
    defer { if !isInput { try? file.close() } }
    let fileName = isInput ? "stdin" : path.lastComponent?.string ?? path.string
    var reader = try PieceReader(file)
    var piece = try reader.next()
    var parser = (format ?? TraceFormat(name: fileName, beginning: piece)).makeParser()
    var list = RequestList()
    while !piece.isEmpty {
      try parser.take(piece, &list)
      if list.isTooLong { throw TraceError.tooLong }
      piece = try reader.next()
    }
    try parser.end(&list)
    if list.isTooLong { throw TraceError.tooLong }
    if list.requests.isEmpty { throw TraceError.empty }
    name = Self.name(of: fileName)
    requests = list.requests
    regionCount = list.idCount
  }

  /// A trace that a user named.
  static func named(_ file: String, _ format: TraceFormat?) throws -> Trace {
    do {
      return try Trace(FilePath(file), format)
    } catch {
      throw ValidationError("\(file): \(error)")
    }
  }

  /// Gives the trace a name that none of `names` is, by a number behind its own, and notes it there.
  mutating func makeDistinct(from names: inout Set<String>) {
    let given = name
    var number = 1
    while !names.insert(name).inserted {
      number += 1
      name = "\(given)-\(number)"
    }
  }

  /// A file's name without the endings that say how it is packed and written.
  private static func name(of file: String) -> String {
    var name = Substring(file)
    for ending in [".gz", ".txt"] where name.hasSuffix(ending) { name.removeLast(ending.count) }
    return String(name)
  }
}
