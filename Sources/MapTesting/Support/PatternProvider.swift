internal import MapProtocols
internal import Synchronization
internal import SystemPackage

/// Files that exist by their names alone, "0", "1" …: their bytes follow from file and offset, so that a reader knows what must be
/// there.
final class PatternProvider: RegionProvider {
  /// Of each file, in bytes.
  let size: Int64
  private let files: Int
  private let opened = Atomic(0)

  init(files: Int, size: Int64) {
    self.files = files
    self.size = size
  }

  var name: String { "pattern" }

  /// What a file holds at an offset.
  static func byte(of file: Int, at offset: Int64) -> UInt8 {
    let mixed = UInt64(bitPattern: offset) &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(file) << 17
    return UInt8(truncatingIfNeeded: mixed >> 29 ^ mixed >> 7)
  }

  private func status(_ file: Int) -> FileStatus {
    FileStatus(identity: FileIdentity(UInt64(file)), version: FileVersion(1), size: size)
  }

  func open(_ source: FileSource) throws(MapError) -> OpenedFile {
    guard case .name(let name) = source, let file = Int(name), (0..<files).contains(file) else {
      throw MapError(.openFailed, source: source, errno: .noSuchFileOrDirectory)
    }
    // The file's number is what a handle's leaves over.
    let number = opened.add(1, ordering: .relaxed).newValue * files + file
    return OpenedFile(handle: Handle(rawValue: number), status: status(file))
  }

  func status(of handle: Handle) -> FileStatus { status(handle.rawValue % files) }

  func close(_ handle: Handle) {}

  func read(
    _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    let count = Int(max(min(Int64(buffer.count), size - offset), 0))
    for index in 0..<count {
      unsafe buffer[index] = Self.byte(of: handle.rawValue % files, at: offset + Int64(index))
    }
    return count
  }
}
