import FuzzSupport
import SlidingMap

/// Any bytes as a recording: the decoder gives what the format says, however the bytes come, and no more.
@_cdecl("smap_fuzz_trace")
public func fuzzTrace(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var choices = unsafe Choices(input(start, count))
  let kind = choices.pick(4)
  let pieces = (0..<choices.pick(6)).map { _ in choices.pick(64) }
  switch kind {
  case 0: check(Array(choices.rest), pieces)
  case 1: check(TraceDecoder.magic + choices.rest, pieces)
  default: checkEncoded(&choices, pieces, isWhole: kind == 2)
  }
  return 0
}

/// Compares the decoder with a plain reading of the format.
private func check(_ bytes: [UInt8], _ pieces: [Int]) {
  let expected = PlainDecoder.decode(bytes[...])
  let atOnce = outcome(of: [bytes[...]])
  if atOnce != expected { fail("at once \(atOnce), expected \(expected)") }
  var (start, parts) = (0, [ArraySlice<UInt8>]())
  for size in pieces {
    let end = min(start + size, bytes.count)
    parts.append(bytes[start..<end])
    start = end
  }
  parts.append(bytes[start...])
  let inParts = outcome(of: parts)
  if inParts != expected { fail("in \(parts.map(\.count)) \(inParts), expected \(expected)") }
  let byteByByte = outcome(of: bytes.indices.map { bytes[$0...$0] })
  if byteByByte != expected { fail("byte by byte \(byteByByte), expected \(expected)") }
}

/// Accesses that the input chooses, written down as the format says: they come back.
private func checkEncoded(_ choices: inout Choices, _ pieces: [Int], isWhole: Bool) {
  var accesses: [Access] = []
  var regions: [Access] = []
  var bytes = TraceDecoder.magic
  while !choices.isAtEnd {
    let isNew = regions.isEmpty || choices.oneIn(4)
    if isNew {
      let region = Access.chosen(by: &choices, number: regions.count)
      regions.append(region)
      accesses.append(region)
      bytes += PlainEncoder.bytes(new: region)
    } else {
      let number = choices.pick(regions.count)
      accesses.append(regions[number])
      bytes += PlainEncoder.bytes(UInt64(regions.count - number))
    }
  }
  if isWhole {
    let decoded = outcome(of: [bytes[...]])
    if decoded != Outcome(accesses) { fail("decoded \(decoded), encoded \(accesses)") }
  } else {
    bytes.removeLast(min(pieces.reduce(1, +), bytes.count))
    let cut = outcome(of: [bytes[...]])
    if cut.code == .invalidTrace || cut.accesses != Array(accesses.prefix(cut.accesses.count)) {
      fail("cut to \(bytes.count) bytes: \(cut), of \(accesses)")
    }
  }
  check(bytes, pieces)
}

/// What the decoder makes of bytes in pieces.
private func outcome(of pieces: [ArraySlice<UInt8>]) -> Outcome {
  var outcome = Outcome([])
  var decoder = TraceDecoder()
  do throws(MapError) {
    for piece in pieces { try decoder.decode(piece) { outcome.accesses.append(Access($0)) } }
    try decoder.finish()
  } catch {
    outcome.code = error.code
    outcome.range = error.range
  }
  return outcome
}
