internal import CURing
internal import MapProtocols
internal import SystemPackage

/// Reads while the caller waits: through the ring for several windows and for direct descriptors, else by pread(2), on the calling thread
/// or where the file is open.
struct Reader {
  let syscalls: Syscalls
  /// Nil where there is none, and in a forked child.
  let ring: Ring?
  let threads: DescriptorThreads

  /// Carries requests out and notes in each how it ended.
  func read(_ requests: inout [ReadRequest]) {
    if let ring, requests.count > 1 || requests.contains(where: { ReadTarget($0.handle).isSlot }) {
      read(&requests, through: ring)
      return
    }
    for index in requests.indices { requests[index].result = read(requests[index]) }
  }

  private func read(_ request: ReadRequest) -> Result<Int, MapError> {
    // The parent's slots are out of reach of a child.
    if ReadTarget(request.handle).isSlot && ring == nil { return .failure(MapError(.forked)) }
    if var progress = ReadProgress(request), !progress.target.isSlot {
      var piece = progress.wholePiece
      progress.note(piece, piece.readHere(syscalls))
      return progress.result
    }
    do throws(MapError) {
      return .success(
        try unsafe read(ReadTarget(request.handle), at: request.offset, into: request.buffer))
    } catch {
      return .failure(error)
    }
  }

  /// A piece and which of the requests it belongs to.
  private struct Part {
    var piece: ReadPiece
    let index: Int
  }

  /// How many requests are handed over at once: enough that the ring never runs empty, few enough that their description
  /// stays small where memory is short.
  private static var batch: Int { 512 }

  private func read(_ requests: inout [ReadRequest], through ring: Ring) {
    var progress = requests.map { ReadProgress($0) }
    for index in requests.indices where progress[index] == nil {
      requests[index].result = read(requests[index])
    }
    var parts: [Part] = []
    var next = 0
    while true {
      while parts.count < Self.batch, next < progress.count {
        if let piece = progress[next]?.nextPiece() {
          parts.append(Part(piece: piece, index: next))
        } else {
          next += 1
        }
      }
      if parts.isEmpty { break }
      do throws(MapError) {
        try read(&parts, through: ring) { part, outcome in
          _ = progress[part.index]?.end(part.piece, outcome)
        }
      } catch {
        // Nothing is under way any more.
        for index in requests.indices {
          guard let one = progress[index] else { continue }
          // The kernel refuses the ring, as in a sandbox that was closed later: there is always pread(2).
          let mayReadHere = error.code == .readFailed && !one.target.isSlot
          requests[index].result = mayReadHere ? read(requests[index]) : .failure(error)
        }
        return
      }
    }
    for index in requests.indices {
      if let one = progress[index] { requests[index].result = one.result }
    }
  }

  /// One round of requests; parts that have ended leave.
  private func read(
    _ parts: inout [Part], through ring: Ring, ended: (Part, ReadPiece.Outcome) -> Void
  ) throws(MapError) {
    // Not through a closure of the standard library's, for typed errors.
    let requests = UnsafeMutableBufferPointer<Ring.Request>.allocate(capacity: parts.count)
    defer { unsafe requests.deallocate() }
    for index in parts.indices {
      unsafe requests.initializeElement(at: index, to: parts[index].piece.request)
    }
    try unsafe ring.run(requests)
    var rest: [Part] = []
    for index in parts.indices {
      var part = parts[index]
      let outcome = takeIn(&part.piece, unsafe requests[index].result)
      if outcome == .more { rest.append(part) } else { ended(part, outcome) }
    }
    parts = rest
  }

  /// Takes in a result of a ring's.
  func takeIn(_ piece: inout ReadPiece, _ result: Int32) -> ReadPiece.Outcome {
    let outcome = piece.take(syscalls.completions?.apply(to: result) ?? result, syscalls)
    // pread(2) does not care for O_NONBLOCK in a file.
    if outcome == .more, piece.refusals > 2, !piece.target.isSlot {
      return piece.readHere(syscalls)
    }
    return outcome
  }

  /// Reads into memory of the caller's; fewer bytes than it holds only at the end of the file.
  @unsafe
  func read(
    _ target: ReadTarget, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(MapError) -> Int {
    guard let start = buffer.baseAddress, unsafe !buffer.isEmpty else { return 0 }
    let range = offset..<offset + Int64(buffer.count)
    if unsafe target.needsPages(range, at: start) {
      return try unsafe readAligned(target, range, into: start)
    }
    var piece = unsafe ReadPiece(target, range, into: start)
    return Int(try finish(&piece) - offset)
  }

  /// By way of whole pages: O_DIRECT knows nothing else.
  private func readAligned(
    _ target: ReadTarget, _ range: Range<Int64>, into start: UnsafeMutableRawPointer
  ) throws(MapError) -> Int {
    let mask = Int64(SystemPage.size - 1)
    let end = (range.upperBound + mask) & ~mask
    let size = Int(min(ReadProgress.pieceSize, end - (range.lowerBound & ~mask)))
    let pages = UnsafeMutableRawPointer.allocate(
      byteCount: size, alignment: SystemPage.size)
    defer { unsafe pages.deallocate() }
    var position = range.lowerBound
    while position < range.upperBound {
      let first = position & ~mask
      let last = min(first + Int64(size), end)
      var piece = unsafe ReadPiece(target, first..<last, into: pages)
      let reached = min(try finish(&piece), range.upperBound)
      if reached > position {
        unsafe (start + Int(position - range.lowerBound)).copyMemory(
          from: pages + Int(position - first), byteCount: Int(reached - position))
        position = reached
      }
      if reached < min(last, range.upperBound) { break }
    }
    return Int(position - range.lowerBound)
  }

  /// Reads a piece to its end and says where that was.
  private func finish(_ piece: inout ReadPiece) throws(MapError) -> Int64 {
    var outcome = ReadPiece.Outcome.more
    switch piece.target.table {
    case .ring:
      guard let ring else { throw MapError(.forked) }
      while outcome == .more {
        outcome = takeIn(&piece, try unsafe ring.run(piece.request))
      }
    case .threads: outcome = try threads.run { () throws(MapError) in piece.readHere(syscalls) }
    case .process: outcome = piece.readHere(syscalls)
    }
    switch outcome {
    case .failed(let errno): throw MapError(.readFailed, range: piece.range, errno: errno)
    case .ended(let place): return place
    case .more: return piece.position
    }
  }
}
