/// Why a trace can't be read.
public enum TraceError: Error, Equatable, CustomStringConvertible {
  /// A line of a text that is no number.
  case line(Int)
  /// What zlib or the order of a gzip file's parts says against it, and at which byte of the file.
  case unpacking(String, at: Int)
  /// Bytes that `maps.recordTrace(to:)` never writes, and how many requests come before.
  case noRecording(Range<Int64>, after: Int)
  case zstd
  /// No requests; whether that is because the file ends before the first.
  case empty(isCut: Bool)
  case tooLong

  /// One line, to go behind the file's path.
  public var description: String {
    switch self {
    case .line(let number): "line \(number) is no whole number below 2^64"
    case .unpacking(let reason, let byte): "\(reason), at byte \(byte) of the file"
    case .noRecording(let bytes, _) where bytes.lowerBound == 0:
      "no recording in the compact format"
    case .noRecording(let bytes, let requests):
      "a damaged recording: after \(requests) requests, bytes \(bytes.lowerBound) to \(bytes.upperBound - 1) are none"
    case .zstd:
      "packed by zstd: unpack it on the way, zstd -dc FILE | mapbench replay --format FORMAT -"
    case .empty(false): "there are no requests"
    case .empty(true): "there are no requests: it ends before the first"
    case .tooLong: "there are more than \(Int32.max) requests; replay a part of them"
    }
  }
}
