import SlidingMap

/// The compact format read from its description, all of it at once: too plain to be wrong.
struct PlainDecoder {
  private struct Wrong: Error {}
  private struct Cut: Error {}

  private var bytes: ArraySlice<UInt8>

  static func decode(_ bytes: ArraySlice<UInt8>) -> Outcome {
    let magic = Array("SMTRACE".utf8) + [1]
    for (index, byte) in bytes.prefix(magic.count).enumerated() where byte != magic[index] {
      return Outcome([], .invalidTrace, 0..<Int64(index + 1))
    }
    if bytes.count < magic.count { return Outcome([], .incompleteTrace, 0..<Int64(bytes.count)) }
    var decoder = PlainDecoder(bytes: bytes.dropFirst(magic.count))
    var outcome = Outcome([])
    var regions: [Access] = []
    while !decoder.bytes.isEmpty {
      let start = Int64(decoder.bytes.startIndex - bytes.startIndex)
      do {
        let distance = try decoder.number()
        if distance == 0 { regions.append(try decoder.region(regions.count)) }
        guard let distance = Int(exactly: max(distance, 1)), distance <= regions.count else {
          throw Wrong()
        }
        outcome.accesses.append(regions[regions.count - distance])
      } catch {
        outcome.code = error is Cut ? .incompleteTrace : .invalidTrace
        outcome.range = start..<Int64(decoder.bytes.startIndex - bytes.startIndex)
        return outcome
      }
    }
    return outcome
  }

  private mutating func region(_ number: Int) throws -> Access {
    var file: UInt64 = 0
    for index in 0..<8 { file |= UInt64(try byte()) << UInt64(8 * index) }
    guard let window = Int(exactly: try self.number()) else { throw Wrong() }
    guard let byteCount = Int(exactly: try self.number()) else { throw Wrong() }
    return Access(region: number, file: file, window: window, byteCount: byteCount)
  }

  /// LEB128 of at most 64 bits.
  private mutating func number() throws -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<10 {
      let byte = try byte()
      if index == 9 && byte > 1 { throw Wrong() }
      value |= UInt64(byte % 128) << UInt64(7 * index)
      if byte < 128 { break }
    }
    return value
  }

  private mutating func byte() throws -> UInt8 {
    guard let byte = bytes.popFirst() else { throw Cut() }
    return byte
  }
}
