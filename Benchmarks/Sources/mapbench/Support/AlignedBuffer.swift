import SystemPackage

/// Memory to read into, used again and again.
@safe
struct AlignedBuffer: ~Copyable, @unchecked Sendable {
  let memory: UnsafeMutableRawBufferPointer

  /// Takes `byteCount` bytes on a page boundary and touches all of them.
  init(byteCount: Int) {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 4096)
    unsafe buffer.initializeMemory(as: UInt8.self, repeating: 1)
    unsafe memory = unsafe buffer
  }

  deinit { unsafe memory.deallocate() }

  /// Fills the first `count` bytes by pread(2), as many calls as it takes; how many bytes the file had.
  @inline(__always)
  func fill(from file: FileDescriptor, at offset: Int64, count: Int) throws -> Int {
    let target = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[..<count])
    var filled = 0
    while filled < count {
      let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: target[filled...])
      let read = try unsafe file.read(
        fromAbsoluteOffset: offset + Int64(filled), into: rest)
      if read == 0 { break }
      filled += read
    }
    return filled
  }

  var bytes: RawSpan {
    @_lifetime(borrow self)
    get { unsafe _overrideLifetime(memory.bytes, borrowing: self) }
  }
}
