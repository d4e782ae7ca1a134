/// Bytes of a file that are to be read into memory, and how that went.
@safe
public struct ReadRequest: @unchecked Sendable {
  /// An open file.
  public let handle: Handle
  /// Where the bytes begin, from the start of the file.
  public let offset: Int64
  /// Where they go, filled from the start. It is the request's own until its end was told.
  public let buffer: UnsafeMutableRawBufferPointer
  /// How many bytes came: less than the buffer holds only at the end of the file. Or what went wrong.
  public var result: Result<Int, MapError> = .success(0)
  /// A number for the own use of whoever made the request.
  public let tag: Int

  /// Describes a read.
  ///
  /// - Parameter buffer: nobody else touches it until the request has ended.
  @unsafe
  public init(
    _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer, tag: Int = 0
  ) {
    self.handle = handle
    self.offset = offset
    unsafe self.buffer = buffer
    self.tag = tag
  }

  /// The bytes of the file that are asked for.
  public var range: Range<Int64> { unsafe offset..<offset + Int64(buffer.count) }
}
