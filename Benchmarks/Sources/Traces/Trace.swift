public import SystemPackage

/// Requests for regions that were read from a file.
public struct Trace: Sendable {
  /// What it goes by in tables and charts.
  public private(set) var name: String
  /// Which region each request is for: numbers from 0, in the order in which they first appear.
  public let requests: [Int32]
  /// How many different regions there are.
  public let regionCount: Int
  /// Whether the file ends within a request, or before the end that gzip gave it: these are the requests before.
  public let isCut: Bool

  /// Reads a trace, in the format named or else in the one it seems to have. The path "-" is standard input.
  ///
  /// - Throws: `TraceError` for what is no trace, `Errno` for what can't be read.
  public init(_ path: FilePath, _ format: ReplayFormat?) throws {
    if path == "-" {
      try self.init(of: .standardInput, name: "stdin", format)
      return
    }
    let file = try FileDescriptor.open(path, .readOnly)
    defer { try? file.close() }
    try self.init(of: file, name: path.lastComponent?.string ?? path.string, format)
  }

  /// Reads what `file` still has.
  public init(of file: FileDescriptor, name: String, _ format: ReplayFormat?) throws {
    var reader = try PieceReader(file)
    var piece = try reader.next()
    var parser = (format ?? ReplayFormat(name: name, beginning: piece)).makeParser()
    var list = RequestList()
    while !piece.isEmpty {
      try parser.take(piece, &list)
      if list.isTooLong { throw TraceError.tooLong }
      piece = try reader.next()
    }
    let isWhole = parser.end(&list, isCut: reader.isCut)
    if list.isTooLong { throw TraceError.tooLong }
    isCut = !isWhole || reader.isCut
    if list.requests.isEmpty { throw TraceError.empty(isCut: isCut) }
    self.name = Self.name(of: name)
    requests = list.requests
    regionCount = list.idCount
  }

  /// Gives the trace a name that none of `names` is, by a number behind its own, and notes it there.
  public mutating func makeDistinct(from names: inout Set<String>) {
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
