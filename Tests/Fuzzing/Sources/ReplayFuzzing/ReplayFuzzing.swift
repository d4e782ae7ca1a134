import FuzzSupport
import SystemPackage
import Traces

/// Any bytes as a trace of `mapbench replay`: what is read does not depend on how it is packed, and a beginning of it gives a beginning.
@_cdecl("smap_fuzz_replay")
public func fuzzReplay(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var choices = unsafe Choices(input(start, count))
  let format = choices.pick([nil] + ReplayFormat.allCases.map(Optional.some))
  let kept = choices.pick(1 << 16)
  let bytes = Array(choices.rest)
  let whole = Reading(bytes, format)
  if bytes.starts(with: [0x1F, 0x8B]) || bytes.starts(with: [0x28, 0xB5]) { return 0 }
  // Packed, and packed in two members.
  let half = bytes.count / 2
  let packed = Gzip.pack(bytes)
  for packed in [packed, Gzip.pack(bytes[..<half]) + Gzip.pack(bytes[half...])] {
    let unpacked = Reading(packed, format)
    if unpacked != whole { fail("packed \(unpacked), plain \(whole)") }
  }
  if bytes.isEmpty { return 0 }
  let beginning = Reading(Array(bytes.prefix(kept % bytes.count)), format)
  if !beginning.mayBegin(whole, format) { fail("of \(kept) bytes \(beginning), of all \(whole)") }
  let stub = Reading(Array(packed.prefix(2 + kept % (packed.count - 1))), format)
  if !stub.mayBegin(whole, format) { fail("of \(kept) packed bytes \(stub), of all \(whole)") }
  return 0
}
