import SlidingMap

/// What comes of a recording's bytes.
struct Outcome: Equatable {
  var accesses: [Access]
  var code: MapError.Code?
  /// The bytes that are wrong.
  var range: Range<Int64>?

  init(_ accesses: [Access], _ code: MapError.Code? = nil, _ range: Range<Int64>? = nil) {
    self.accesses = accesses
    self.code = code
    self.range = range
  }
}
