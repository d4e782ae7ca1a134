internal import SlidingMap

/// How a trace is written down.
public enum ReplayFormat: String, CaseIterable, Sendable {
  case text, oracleGeneral, compact

  /// What a trace of this name, which begins with these bytes, is taken for.
  init(name: String, beginning: [UInt8]) {
    let magic = TraceDecoder.magic.prefix(max(beginning.count, 1))
    self =
      beginning.starts(with: magic)
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
