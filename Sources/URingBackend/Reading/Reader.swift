internal import CURing
internal import MapProtocols
internal import SystemPackage

/// Reads while the caller waits: through the ring for several windows and for direct descriptors, else by pread(2).
struct Reader {
  let syscalls: Syscalls
  /// Nil where there is none, and in a forked child.
  let ring: Ring?

  /// Loads windows and sets the `error` of each that fails.
  func load(_ loads: inout [RegionLoad]) {
    if let ring, loads.count > 1 || loads.contains(where: { $0.target?.isSlot == true }) {
      load(&loads, through: ring)
      return
    }
    for index in loads.indices { loads[index].error = load(loads[index]) }
  }

  private func load(_ load: RegionLoad) -> MapError? {
    guard let target = load.target else { return .withoutHandle }
    // The parent's slots are out of reach of a child.
    if target.isSlot { return MapError(.forked) }
    var window = WindowLoad(load.region, target)
    var piece = window.wholePiece
    if !piece.range.isEmpty { window.note(piece, piece.readHere(syscalls)) }
    return window.finish(syscalls)
  }

  /// A piece and which of the loads it belongs to.
  private struct Part {
    var piece: ReadPiece
    let index: Int
  }

  /// How many requests are handed over at once: enough that the ring never runs empty, few enough that their description
  /// stays small where memory is short.
  private static var batch: Int { 512 }

  private func load(_ loads: inout [RegionLoad], through ring: Ring) {
    var windows: [WindowLoad?] = loads.map { load in
      load.target.map { WindowLoad(load.region, $0) }
    }
    var parts: [Part] = []
    var next = 0
    while true {
      while parts.count < Self.batch, next < windows.count {
        if let piece = windows[next]?.nextPiece() {
          parts.append(Part(piece: piece, index: next))
        } else {
          if windows[next] == nil { loads[next].error = .withoutHandle }
          next += 1
        }
      }
      if parts.isEmpty { break }
      do throws(MapError) {
        try read(&parts, through: ring) { part, outcome in
          _ = windows[part.index]?.end(part.piece, outcome)
        }
      } catch {
        // Nothing is under way any more.
        for index in loads.indices {
          guard let window = windows[index] else { continue }
          if error.code == .readFailed, !window.target.isSlot {
            // The kernel refuses the ring, as in a sandbox that was closed later: there is always pread(2).
            loads[index].error = load(loads[index])
          } else {
            syscalls.unload([loads[index].region])
            loads[index].error = error
          }
        }
        return
      }
    }
    for index in loads.indices {
      if let window = windows[index] { loads[index].error = window.finish(syscalls) }
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
      let outcome = settle(&part.piece, unsafe requests[index].result)
      if outcome == .more { rest.append(part) } else { ended(part, outcome) }
    }
    parts = rest
  }

  /// Takes in a result of a ring's.
  func settle(_ piece: inout ReadPiece, _ result: Int32) -> ReadPiece.Outcome {
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
    let place = UInt(bitPattern: start) | UInt(offset) | UInt(buffer.count)
    if target.isAligned, place & UInt(Syscalls.pageSize - 1) != 0 {
      return try unsafe readAligned(target, range, into: start)
    }
    var piece = unsafe ReadPiece(target, range, into: start)
    return Int(try finish(&piece) - offset)
  }

  /// By way of whole pages: O_DIRECT knows nothing else.
  private func readAligned(
    _ target: ReadTarget, _ range: Range<Int64>, into start: UnsafeMutableRawPointer
  ) throws(MapError) -> Int {
    let mask = Int64(Syscalls.pageSize - 1)
    let end = (range.upperBound + mask) & ~mask
    let size = Int(min(WindowLoad.pieceSize, end - (range.lowerBound & ~mask)))
    let pages = UnsafeMutableRawPointer.allocate(
      byteCount: size, alignment: Syscalls.pageSize)
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
    if piece.target.isSlot {
      guard let ring else { throw MapError(.forked) }
      while outcome == .more {
        outcome = settle(&piece, try unsafe ring.run(piece.request))
      }
    } else {
      outcome = piece.readHere(syscalls)
    }
    switch outcome {
    case .failed(let errno): throw MapError(.readFailed, range: piece.range, errno: errno)
    case .ended(let place): return place
    case .more: return piece.position
    }
  }
}

extension RegionLoad {
  /// What is to be read; nil where the manager gave no handle, which it must.
  var target: ReadTarget? { handle.map { ReadTarget($0) } }
}

extension MapError {
  /// A load that can't be, since copies don't keep their file.
  static var withoutHandle: MapError { MapError(.readFailed, errno: .badFileDescriptor) }
}
