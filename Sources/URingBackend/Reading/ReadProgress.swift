internal import MapProtocols
internal import SystemPackage

/// How far a request is, in pieces that may be under way at the same time.
@safe
struct ReadProgress {
  let target: ReadTarget
  private let range: Range<Int64>
  private let address: UnsafeMutableRawPointer
  /// Pieces under way or not begun.
  private var pieces: Int
  /// Where the next piece begins.
  private var next: Int64
  private var errno: Errno?
  /// The least place at which the file gave no more.
  private var reached: Int64

  /// Bytes read by one request: large enough that a request's own cost vanishes, small enough that several are under way
  /// for one window and that a short one costs little.
  static var pieceSize: Int64 { 1 << 20 }

  /// Nil for what can't be read in pieces: nothing, what O_DIRECT must read by way of whole pages, and what other threads have open.
  init?(_ request: ReadRequest) {
    target = ReadTarget(request.handle)
    let buffer = unsafe request.buffer
    guard target.table != .threads, let start = buffer.baseAddress, unsafe !buffer.isEmpty,
      unsafe !target.needsPages(request.range, at: start)
    else { return nil }
    unsafe address = start
    range = request.range
    next = range.lowerBound
    reached = range.upperBound
    pieces = Int((Int64(range.count) + Self.pieceSize - 1) / Self.pieceSize)
  }

  /// The next piece to begin; nil when all were.
  mutating func nextPiece() -> ReadPiece? {
    guard next < range.upperBound else { return nil }
    let start = next
    next = min(range.upperBound, start + Self.pieceSize)
    return unsafe ReadPiece(
      target, start..<next, into: address + Int(start - range.lowerBound))
  }

  /// All of it as one piece.
  var wholePiece: ReadPiece { unsafe ReadPiece(target, range, into: address) }

  /// Takes in that a piece ended, and says whether all have.
  mutating func end(_ piece: ReadPiece, _ outcome: ReadPiece.Outcome) -> Bool {
    note(piece, outcome)
    pieces -= 1
    return pieces == 0
  }

  /// Takes in how the whole piece ended.
  mutating func note(_ piece: ReadPiece, _ outcome: ReadPiece.Outcome) {
    switch outcome {
    case .failed(let failure): errno = errno ?? failure
    case .ended(let place) where place < piece.range.upperBound: reached = min(reached, place)
    case .ended, .more: break
    }
  }

  /// How the request ended, when all pieces have.
  var result: Result<Int, MapError> {
    if let errno { return .failure(MapError(.readFailed, range: range, errno: errno)) }
    return .success(Int(reached - range.lowerBound))
  }
}
