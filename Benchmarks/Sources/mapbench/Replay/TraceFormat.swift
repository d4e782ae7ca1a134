import ArgumentParser
import SlidingMap

/// How a trace is written down.
enum TraceFormat: String, CaseIterable, ExpressibleByArgument, Sendable {
  case text, oracleGeneral, compact

  /// What a trace of this name, which begins with these bytes, is taken for.
  init(name: String, beginning: [UInt8]) {
    self =
      beginning.starts(with: TraceDecoder.magic)
      ? .compact : name.contains("oracleGeneral") ? .oracleGeneral : .text
  }

  /// A parser at the beginning of a trace.
  func makeParser() -> any TraceParser {
    switch self {
    case .text: TextParser()
    case .oracleGeneral: OracleGeneralParser()
    case .compact: CompactParser()
    }
  }
}

/// Finds requests in the bytes of a trace, which come in pieces of any length.
protocol TraceParser {
  /// Takes the next piece.
  mutating func take(_ piece: [UInt8], _ requests: inout RequestList) throws
  /// Takes notice of the end.
  mutating func end(_ requests: inout RequestList) throws
}
