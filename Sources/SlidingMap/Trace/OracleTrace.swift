import MapProtocols

/// Fills in what a recording in the oracleGeneral format can't know as it is written: when each window is asked for next.
enum OracleTrace {
  static let recordSize = 24
  private static let idOffset = 4
  private static let nextOffset = 16
  private static let recordsAtOnce = 1 << 16

  /// Goes through the file from its end to its start. O(accesses), and eight bytes of memory for each window.
  static func fillIn(
    _ file: borrowing TraceFile, accesses: Int, regions: Int
  ) throws(MapError) {
    // Accesses are counted from 1.
    var next = [Int64](repeating: -1, count: regions + 1)
    var end = accesses
    while end > 0 {
      let start = max(end - recordsAtOnce, 0)
      var records = try file.read((end - start) * recordSize, at: start * recordSize)
      for access in (start..<end).reversed() {
        let record = (access - start) * recordSize
        // Somebody else may have written to the file.
        guard let id = Int(exactly: get(records, record + idOffset)), next.indices.contains(id)
        else { throw MapError(.invalidTrace) }
        set(&records, record + nextOffset, UInt64(bitPattern: next[id]))
        next[id] = Int64(access) + 1
      }
      try file.write(records, at: start * recordSize)
      end = start
    }
  }

  private static func get(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
    bytes[offset..<offset + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  private static func set(_ bytes: inout [UInt8], _ offset: Int, _ value: UInt64) {
    for byte in 0..<8 { bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * byte)) }
  }
}
