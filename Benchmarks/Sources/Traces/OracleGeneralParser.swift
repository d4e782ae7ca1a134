internal import BenchmarkSupport

/// The binary format of libCacheSim: packed little-endian records of clock_time (UInt32), obj_id (UInt64), obj_size (UInt32)
/// and next_access_vtime (Int64, -1 for never). Only the id counts here: regions have one size, and what comes next is
/// found anew. Any bytes are such records, so that nothing tells of damage.
struct OracleGeneralParser: TraceParser {
  private static let recordSize = 24
  private static let idOffset = 4

  /// The beginning of a record whose end is in the next piece.
  private var rest: [UInt8] = []

  mutating func take(_ piece: [UInt8], _ requests: inout RequestList) {
    let bytes = rest + piece
    let whole = bytes.count / Self.recordSize * Self.recordSize
    // Bytes have no padding that could be read unset.
    let span = unsafe bytes.span.bytes
    for record in stride(from: 0, to: whole, by: Self.recordSize) {
      requests.append(UInt64(littleEndian: span.word(at: record + Self.idOffset)))
    }
    rest = Array(bytes[whole...])
  }

  func end(_ requests: inout RequestList, isCut: Bool) -> Bool { rest.isEmpty }
}
