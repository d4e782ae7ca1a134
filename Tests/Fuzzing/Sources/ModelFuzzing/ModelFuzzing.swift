import FuzzSupport

/// A manager, files and what becomes of them, as the bytes of an input say: what is read is held to a plain model, and at the end nothing
/// may be left.
@_cdecl("smap_fuzz_model")
public func fuzzModel(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let disk = Disk()
  do {
    let session = Session(unsafe Choices(input(start, count)), disk)
    session.run()
    session.end()
  }
  disk.clear()
  Leftovers.check()
  return 0
}
