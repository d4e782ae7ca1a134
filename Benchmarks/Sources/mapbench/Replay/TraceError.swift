/// Why a trace can't be read.
enum TraceError: Error, CustomStringConvertible {
  /// A line of a text that is no number.
  case line(Int)
  /// Bytes left behind the last whole record.
  case partialRecord(Int, of: Int)
  case unpacking(String)
  /// Bytes that `maps.recordTrace(to:)` never writes, or too few of them.
  case noRecording
  case zstd
  case empty
  case tooLong

  var description: String {
    switch self {
    case .line(let number): "line \(number) is no whole number below 2^64"
    case .partialRecord(let rest, let size):
      "the length is no multiple of \(size): \(rest) bytes are left behind the last whole record"
    case .unpacking(let reason): reason
    case .noRecording: "no recording in the compact format, or one that ends too soon"
    case .zstd:
      "packed by zstd: unpack it on the way, zstd -dc FILE | mapbench replay --format FORMAT -"
    case .empty: "there are no requests"
    case .tooLong: "there are more than \(grouped(Int(Int32.max))) requests; replay a part of them"
    }
  }
}
