import SlidingMap

/// What `maps.recordTrace(to:)` writes.
struct CompactParser: TraceParser {
  private var decoder = TraceDecoder()

  mutating func take(_ piece: [UInt8], _ requests: inout RequestList) throws {
    try named { try decoder.decode(piece) { requests.append(UInt64($0.region)) } }
  }

  func end(_ requests: inout RequestList) throws {
    try named { try decoder.finish() }
  }

  private func named(_ body: () throws -> Void) throws {
    do { try body() } catch is MapError { throw TraceError.noRecording }
  }
}
