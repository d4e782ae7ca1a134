internal import SlidingMap

/// What `maps.recordTrace(to:)` writes.
struct CompactParser: TraceParser {
  private var decoder = TraceDecoder()

  mutating func take(_ piece: [UInt8], _ requests: inout RequestList) throws {
    do throws(MapError) {
      try decoder.decode(piece) { requests.append(UInt64($0.region)) }
    } catch {
      throw TraceError.noRecording(error.range ?? 0..<0, after: requests.requests.count)
    }
  }

  func end(_ requests: inout RequestList, isCut: Bool) -> Bool {
    // What is damaged was told by `take`.
    do throws(MapError) {
      try decoder.finish()
      return true
    } catch {
      return false
    }
  }
}
