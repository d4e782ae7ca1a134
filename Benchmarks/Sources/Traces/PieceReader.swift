internal import SystemPackage

/// The bytes of a trace in pieces, unpacked where gzip packed them.
struct PieceReader: ~Copyable {
  private static let pieceSize = 1 << 16

  private let file: FileDescriptor
  /// The first piece of the file, which was read to see what it is.
  private var first: [UInt8]?
  private var inflater: Inflater?
  /// Whether what gzip packed ends before its end.
  private(set) var isCut = false

  /// Looks at the beginning of what `file` still has.
  init(_ file: FileDescriptor) throws {
    self.file = file
    let first = try Self.read(file)
    if first.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) { throw TraceError.zstd }
    if first.starts(with: [0x1F, 0x8B]) { inflater = try Inflater() }
    self.first = first
  }

  /// The next bytes; none at the end. Each piece but the last has the same length, whatever a pipe gives at once.
  mutating func next() throws -> [UInt8] {
    guard var inflater = inflater.take() else { return try nextOfFile() }
    var piece = [UInt8](repeating: 0, count: 4 * Self.pieceSize)
    let count = try inflater.fill(&piece) { try nextOfFile() }
    piece.removeLast(piece.count - count)
    isCut = inflater.isCut
    self.inflater = consume inflater
    return piece
  }

  private mutating func nextOfFile() throws -> [UInt8] {
    if let piece = first.take() { return piece }
    return try Self.read(file)
  }

  private static func read(_ file: FileDescriptor) throws -> [UInt8] {
    var piece = [UInt8](repeating: 0, count: pieceSize)
    let count = try unsafe piece.withUnsafeMutableBytes { buffer in
      var done = 0
      while done < buffer.count {
        let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
        let count = try unsafe file.read(into: rest)
        if count == 0 { break }
        done += count
      }
      return done
    }
    piece.removeLast(piece.count - count)
    return piece
  }
}
