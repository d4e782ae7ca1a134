internal import CURing
internal import MapProtocols
internal import SystemPackage

/// A range of a file that is being read, by as many requests as it takes.
@safe
struct ReadPiece {
  let target: ReadTarget
  /// The file's offsets; of whole pages where the target is aligned.
  let range: Range<Int64>
  /// Where the byte at the range's start goes.
  private let address: UnsafeMutableRawPointer
  /// How far the file was read.
  private(set) var position: Int64
  /// How often the kernel would have had to wait, since it last gave bytes.
  private(set) var refusals = 0
  /// Whether O_DIRECT was taken back for it.
  private var isBuffered = false

  enum Outcome: Equatable {
    case more
    /// The file gave bytes up to there: the end of the range, or of the file.
    case ended(at: Int64)
    case failed(Errno)
  }

  /// - Precondition: `range.count` bytes at `address` are the caller's until the piece has ended.
  @unsafe
  init(_ target: ReadTarget, _ range: Range<Int64>, into address: UnsafeMutableRawPointer) {
    self.target = target
    self.range = range
    unsafe self.address = address
    position = range.lowerBound
  }

  /// Where the next request starts. O_DIRECT reads start at a page: after one that ended elsewhere, at the end of the file
  /// that is, the last page is asked for again, and if it gives no more, that was the end.
  private var start: Int64 {
    target.isAligned ? position & ~Int64(SystemPage.size - 1) : position
  }

  /// The request that reads what is missing.
  var request: Ring.Request {
    var request = unsafe Ring.Request()
    unsafe request.operation = UInt8(SMAP_RING_READ)
    unsafe request.flags = UInt8(
      (target.isSlot ? SMAP_RING_SLOT : 0) | (refusals > 0 ? SMAP_RING_BLOCKING : 0))
    unsafe request.file = target.number
    unsafe request.offset = start
    unsafe request.address = address + Int(start - range.lowerBound)
    unsafe request.count = UInt32(min(range.upperBound - start, 1 << 30))
    return unsafe request
  }

  /// Takes in how a request ended: bytes, or a negative errno.
  mutating func take(_ result: Int32, _ syscalls: Syscalls) -> Outcome {
    if result >= 0 {
      let reached = start + Int64(result)
      // A request that gives nothing new has found the end of the file.
      if reached <= position { return .ended(at: position) }
      position = min(reached, range.upperBound)
      refusals = 0
      return position == range.upperBound ? .ended(at: position) : .more
    }
    let errno = Errno(rawValue: -result)
    switch errno {
    case .interrupted, .canceled: return .more
    case .resourceTemporarilyUnavailable where refusals < 64:
      // O_NONBLOCK means something to some file systems.
      refusals += 1
      return .more
    case .invalidArgument where target.isAligned && target.ownsFlags && !isBuffered:
      // The file system took O_DIRECT and can't do it here.
      isBuffered = true
      do throws(Errno) {
        try syscalls.setDirect(false, target.descriptor)
        return .more
      } catch {
        return .failed(errno)
      }
    default: return .failed(errno)
    }
  }

  /// Reads all of it by pread(2).
  mutating func readHere(_ syscalls: Syscalls) -> Outcome {
    var outcome = Outcome.more
    while outcome == .more {
      let request = unsafe self.request
      let result = unsafe syscalls.read(
        request.file, into: request.address, count: Int(request.count), at: request.offset)
      outcome = take(syscalls.completions?.apply(to: result) ?? result, syscalls)
    }
    return outcome
  }
}
