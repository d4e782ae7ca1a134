internal import MapProtocols
internal import SystemPackage

/// A window that is being loaded, in pieces that may be under way at the same time.
struct WindowLoad {
  let region: ExtentRange
  let target: ReadTarget
  /// Pieces under way or not begun.
  private var pieces: Int
  /// Where the next piece begins.
  private var next: Int64
  /// Where the file is to be read to: past the range where whole pages must be read.
  private let end: Int64
  private var errno: Errno?
  /// The least place at which the file gave no more.
  private var reached: Int64

  /// Bytes read by one request: large enough that a request's own cost vanishes, small enough that several are under way
  /// for one window and that a short one costs little.
  static var pieceSize: Int64 { 1 << 20 }

  init(_ region: ExtentRange, _ target: ReadTarget) {
    self.region = region
    self.target = target
    let byteCount =
      target.isAligned
      ? Syscalls.roundedToPages(region.byteCount) ?? region.byteCount : region.byteCount
    next = region.offset
    end = region.offset + Int64(byteCount)
    pieces = Int((Int64(byteCount) + Self.pieceSize - 1) / Self.pieceSize)
    reached = end
  }

  /// The next piece to begin; nil when all were.
  mutating func nextPiece() -> ReadPiece? {
    guard next < end else { return nil }
    let start = next
    next = min(end, start + Self.pieceSize)
    return unsafe ReadPiece(
      target, start..<next, into: region.start + Int(start - region.offset))
  }

  /// All of it as one piece.
  var wholePiece: ReadPiece {
    unsafe ReadPiece(target, region.offset..<end, into: region.start)
  }

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

  /// What the window is like when all pieces have ended: nil, and zeros in its last page past the file's end; or the error,
  /// and no memory.
  func finish(_ syscalls: Syscalls) -> MapError? {
    let range = region.offset..<region.offset + Int64(region.byteCount)
    if let errno {
      syscalls.unload([region])
      return MapError(.readFailed, range: range, errno: errno)
    }
    // The manager asks for whole pages, also where the file ends within the last.
    let page = Int64(Syscalls.pageSize)
    let isWhole = range.upperBound & (page - 1) == 0
    if reached < (isWhole ? range.upperBound - page + 1 : range.upperBound) {
      syscalls.unload([region])
      return MapError(.fileTruncated, range: range)
    }
    // What was there before, or what the file holds past the range.
    let filled = Int(min(reached, range.upperBound) - region.offset)
    let rest = -filled & (Syscalls.pageSize - 1)
    unsafe (region.start + filled).initializeMemory(as: UInt8.self, repeating: 0, count: rest)
    return nil
  }
}
