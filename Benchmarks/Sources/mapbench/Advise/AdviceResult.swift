/// What one way of reading took under one advice.
struct AdviceResult: Encodable {
  let shape: String
  let pattern: String
  /// The median of the rounds.
  let milliseconds: Double
  /// What the disk was read for, the median, in bytes.
  let bytesRead: Int
  /// What was asked for.
  let bytesWanted: Int
  /// The time as a multiple of the least that fixed advice took.
  let ofBest: Double
  /// What of the file was in the page cache before a run, at most, in bytes; null where it was meant to be there.
  let bytesCached: Int?

  static func table(_ results: [AdviceResult]) -> String {
    var table = TextTable(
      ["advice", "time", "of best", "read", "wanted", "cached"], leftAligned: 1)
    var heading = ""
    for result in results {
      let next = "\(result.shape): \(ReadShape(rawValue: result.shape)?.work ?? "")"
      if next != heading { table.heading(next) }
      heading = next
      table.add([
        result.pattern, "\(fixed(result.milliseconds, 1)) ms", fixed(result.ofBest, 2),
        ByteSize.text(result.bytesRead), ByteSize.text(result.bytesWanted),
        result.bytesCached.map(ByteSize.text) ?? "-",
      ])
    }
    return table.render()
  }
}
