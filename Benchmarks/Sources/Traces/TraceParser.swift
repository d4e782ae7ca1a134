/// Finds requests in the bytes of a trace, which come in pieces of any length.
protocol TraceParser {
  /// Takes the next piece.
  mutating func take(_ piece: [UInt8], _ requests: inout RequestList) throws
  /// Takes notice of the end.
  ///
  /// - Parameter isCut: whether bytes are known to be missing behind it.
  /// - Returns: whether the trace is whole; false where it ends within a request, which is left out.
  mutating func end(_ requests: inout RequestList, isCut: Bool) -> Bool
}
