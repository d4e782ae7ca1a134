import SystemPackage

/// Requests for regions, in the order in which they were made.
struct Trace: Sendable {
  let name: String
  /// Which region each request is for: numbers from 0, in the order in which they first appear.
  let requests: [Int32]
  /// How many different regions there are.
  let regionCount: Int

  /// Reads a trace: one whole number a line, whatever it stands for. Empty lines and lines that begin with # are passed
  /// over. The path "-" is standard input.
  ///
  /// - Throws: `TraceError` with the number of a line that is something else.
  init(_ path: FilePath) throws {
    let isInput = path == "-"
    let file = isInput ? FileDescriptor.standardInput : try FileDescriptor.open(path, .readOnly)
    defer { if !isInput { try? file.close() } }
    var numbers: [UInt64: Int32] = [:]
    var requests: [Int32] = []
    var line = Line()
    try Self.forEachByte(of: file) { byte in
      guard byte == UInt8(ascii: "\n") else { return try line.take(byte) }
      if let id = line.end() { requests.append(Self.number(of: id, &numbers)) }
    }
    if let id = line.end() { requests.append(Self.number(of: id, &numbers)) }
    name = isInput ? "stdin" : path.lastComponent.map { $0.stem } ?? path.string
    self.requests = requests
    regionCount = numbers.count
  }

  private static func number(of id: UInt64, _ numbers: inout [UInt64: Int32]) -> Int32 {
    if let number = numbers[id] { return number }
    let number = Int32(numbers.count)
    numbers[id] = number
    return number
  }

  private static func forEachByte(
    of file: FileDescriptor, _ body: (UInt8) throws -> Void
  ) throws {
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = try unsafe piece.withUnsafeMutableBytes { try unsafe file.read(into: $0) }
      if count == 0 { return }
      for byte in piece[..<count] { try body(byte) }
    }
  }

  /// A line that is being read.
  private struct Line {
    private var number = 1
    private var id: UInt64?
    private var isComment = false

    mutating func take(_ byte: UInt8) throws {
      switch byte {
      case _ where isComment, UInt8(ascii: "\r"): break
      case UInt8(ascii: "#") where id == nil: isComment = true
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        let (shifted, overflow) = (id ?? 0).multipliedReportingOverflow(by: 10)
        let (sum, carry) = shifted.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
        if overflow || carry { throw TraceError(line: number) }
        id = sum
      default: throw TraceError(line: number)
      }
    }

    /// The line's number, if it has one.
    mutating func end() -> UInt64? {
      defer {
        number += 1
        id = nil
        isComment = false
      }
      return id
    }
  }
}

/// A line of a trace that is no number.
struct TraceError: Error, CustomStringConvertible {
  let line: Int
  var description: String { "line \(line) is no whole number below 2^64" }
}
