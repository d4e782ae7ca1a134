internal import CZlib

/// Unpacks what gzip packed, through zlib: any number of members, one behind the other, and zeros behind each.
@safe
struct Inflater: ~Copyable {
  /// zlib keeps a pointer to it, so that it must not move.
  private let stream: UnsafeMutablePointer<z_stream>
  /// What is being unpacked, and how much of it zlib has taken.
  private var packed: [UInt8] = []
  private var taken = 0
  /// How many packed bytes came before those.
  private var passed = 0
  /// Whether a member was begun and has not ended.
  private var isInside = false
  /// Whether the packed bytes end within a member.
  private(set) var isCut = false

  init() throws {
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    // 16 more than the largest window: with gzip's header and checksum.
    let result = unsafe inflateInit2_(
      stream, 16 + MAX_WBITS, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size))
    guard result == Z_OK else { throw TraceError.unpacking("zlib can't start: \(result)", at: 0) }
  }

  deinit {
    unsafe inflateEnd(stream)
    unsafe stream.deallocate()
  }

  /// Fills `piece` with unpacked bytes; `more` gives packed ones, none at their end. How many bytes there were: fewer only at the end,
  /// which comes too early where `isCut` is set.
  mutating func fill(_ piece: inout [UInt8], from more: () throws -> [UInt8]) throws -> Int {
    var count = 0
    while count < piece.count {
      if taken == packed.count {
        passed += taken
        packed = try more()
        taken = 0
        if packed.isEmpty {
          isCut = isInside
          break
        }
      }
      if !isInside {
        // Tapes pad with zeros; gzip passes over them, too.
        while taken < packed.count, packed[taken] == 0 { taken += 1 }
        if taken == packed.count { continue }
        if packed[taken] != 0x1F {
          throw TraceError.unpacking(
            "there is something else behind the end of the gzip file", at: passed + taken)
        }
      }
      count += try inflate(to: &piece, from: count)
    }
    return count
  }

  /// One call of zlib's; how many bytes it gave.
  private mutating func inflate(to piece: inout [UInt8], from start: Int) throws -> Int {
    isInside = true
    let (input, output) = (packed.count - taken, piece.count - start)
    unsafe stream.pointee.avail_in = UInt32(input)
    unsafe stream.pointee.avail_out = UInt32(output)
    let result = unsafe packed.withUnsafeMutableBufferPointer { packed in
      unsafe piece.withUnsafeMutableBufferPointer { piece in
        unsafe stream.pointee.next_in = unsafe packed.baseAddress?.advanced(by: taken)
        unsafe stream.pointee.next_out = unsafe piece.baseAddress?.advanced(by: start)
        return unsafe CZlib.inflate(stream, Z_NO_FLUSH)
      }
    }
    taken = packed.count - Int(unsafe stream.pointee.avail_in)
    switch result {
    case Z_STREAM_END:
      isInside = false
      unsafe inflateReset(stream)
    case Z_OK, Z_BUF_ERROR: break
    default:
      let reason = unsafe stream.pointee.msg.map { unsafe String(cString: $0) } ?? "\(result)"
      throw TraceError.unpacking("the gzip file is damaged: \(reason)", at: passed + taken)
    }
    return output - Int(unsafe stream.pointee.avail_out)
  }
}
