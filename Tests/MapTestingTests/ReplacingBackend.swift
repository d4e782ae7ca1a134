import MapProtocols
import Synchronization
import SystemPackage

/// Files in a dictionary. What is put in the place of one is another file, in its first version as every other; who has the old one open
/// keeps it.
final class ReplacingBackend: RegionProvider {
  private typealias File = (status: FileStatus, bytes: [UInt8])
  private struct State {
    var files: [String: File] = [:]
    var handles: [Handle: File] = [:]
    var lastNumber = 0

    mutating func nextNumber() -> Int {
      lastNumber += 1
      return lastNumber
    }
  }
  private let state = Mutex(State())

  init(_ contents: [String: [UInt8]]) {
    for (name, bytes) in contents { put(bytes, at: name) }
  }

  var name: String { "replacing" }

  func put(_ bytes: [UInt8], at name: String) {
    state.withLock { state in
      let identity = FileIdentity(UInt64(state.nextNumber()))
      let status = FileStatus(
        identity: identity, version: FileVersion(1), size: Int64(bytes.count))
      state.files[name] = (status, bytes)
    }
  }

  func open(_ source: FileSource) throws(MapError) -> OpenedFile {
    let opened: OpenedFile? = state.withLock { state in
      guard case .name(let name) = source, let file = state.files[name] else { return nil }
      let handle = Handle(rawValue: state.nextNumber())
      state.handles[handle] = file
      return OpenedFile(handle: handle, status: file.status)
    }
    guard let opened else {
      throw MapError(.openFailed, source: source, errno: .noSuchFileOrDirectory)
    }
    return opened
  }

  private func file(_ handle: Handle) throws(MapError) -> File {
    guard let file = state.withLock({ $0.handles[handle] }) else {
      throw MapError(.readFailed, errno: .badFileDescriptor)
    }
    return file
  }

  func status(of handle: Handle) throws(MapError) -> FileStatus { try file(handle).status }

  func close(_ handle: Handle) { state.withLock { $0.handles[handle] = nil } }

  func read(
    _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(MapError) -> Int {
    let wanted = try file(handle).bytes.dropFirst(Int(clamping: offset)).prefix(buffer.count)
    unsafe buffer.copyBytes(from: wanted)
    return wanted.count
  }
}
