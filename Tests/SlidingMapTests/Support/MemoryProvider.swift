import Foundation
import MapProtocols
import SlidingMap
import SystemPackage

/// Files from a dictionary, and memory that tells what is in it.
final class MemoryProvider: RegionProvider, CopyMemory {
  private struct File {
    let inode: UInt64
    var version: Int64
    var content: [UInt8]
  }
  private struct State {
    var files: [FilePath: File] = [:]
    var handles: [Int: FilePath] = [:]
    var extents = 0
    var loads = 0
    var unloads = 0
    var isShutDown = false
    var isSettled = true
    var isAppendOnly = false
    var cancellations = 0
  }
  private let state = Locked(State())
  /// Called before each load; may block, and may fail it.
  private let beforeLoad: @Sendable (ReadRequest) -> MapError?
  /// Called before each handle is closed; may block.
  private let beforeClose: @Sendable () -> Void
  /// Called after each look at a path or an open file, before what was seen is told.
  private let afterLook: @Sendable (FilePath) throws -> Void
  /// Called before addresses are reserved, if there is one; may block.
  private let onReserve = Locked<(@Sendable () -> Void)?>(nil)
  /// What a write adds to a file's change time; less than 0 for a clock that goes back.
  private let step: Int64

  init(
    _ files: [FilePath: [UInt8]], step: Int64 = 1,
    beforeLoad: @escaping @Sendable (ReadRequest) -> MapError? = { _ in nil },
    beforeClose: @escaping @Sendable () -> Void = {},
    afterLook: @escaping @Sendable (FilePath) throws -> Void = { _ in }
  ) {
    self.beforeLoad = beforeLoad
    self.beforeClose = beforeClose
    self.afterLook = afterLook
    self.step = step
    for (path, content) in files { self[path] = content }
  }

  /// A file's content; an assignment is a write, which the next cursor sees.
  subscript(path: FilePath) -> [UInt8]? {
    get { state.withLock { $0.files[path]?.content } }
    set {
      state.withLock { state in
        let old = state.files[path]
        state.files[path] = newValue.map {
          File(
            inode: old?.inode ?? UInt64(state.files.count + 1), version: (old?.version ?? 0) + step,
            content: $0)
        }
      }
    }
  }

  /// Whether files are told to be in a version that the next write leaves; see `FileStatus.isSettled`.
  var isSettled: Bool {
    get { state.withLock { $0.isSettled } }
    set { state.withLock { $0.isSettled = newValue } }
  }

  var isAppendOnly: Bool {
    get { state.withLock { $0.isAppendOnly } }
    set { state.withLock { $0.isAppendOnly = newValue } }
  }

  /// Changes a file's content without a trace, as a write within a tick of the clock does.
  func writeInSecret(_ path: FilePath, _ content: [UInt8]) {
    state.withLock { $0.files[path]?.content = content }
  }

  /// Has something called before addresses are reserved, one time.
  func beforeReserving(_ body: @escaping @Sendable () -> Void) {
    onReserve.withLock { hook in
      // Not holding what holds it.
      hook = { [unowned self] in
        onReserve.withLock { $0 = nil }
        body()
      }
    }
  }

  /// How often the end of submitted reads was asked for.
  var cancellations: Int { state.withLock { $0.cancellations } }

  var openHandles: Int { state.withLock { $0.handles.count } }
  var extents: Int { state.withLock { $0.extents } }
  var loads: Int { state.withLock { $0.loads } }
  var unloads: Int { state.withLock { $0.unloads } }
  var isShutDown: Bool { state.withLock { $0.isShutDown } }

  var name: String { "memory" }
  var reloadCost: Int { 100 }

  func open(_ source: FileSource) throws(MapError) -> OpenedFile {
    guard let path = source.path else { throw MapError(.unsupported, source: source) }
    let status = try look(at: path)
    let handle = state.withLock { state in
      let handle = (state.handles.keys.max() ?? 0) + 1
      state.handles[handle] = path
      return Handle(rawValue: handle)
    }
    return OpenedFile(handle: handle, status: status)
  }

  func status(of source: FileSource) throws(MapError) -> FileStatus {
    guard let path = source.path else { throw MapError(.unsupported, source: source) }
    let status = try look(at: path)
    try? afterLook(path)
    return status
  }

  private func look(at path: FilePath) throws(MapError) -> FileStatus {
    guard let file = state.withLock({ $0.files[path] }) else {
      throw MapError(.openFailed, source: .path(path), errno: .noSuchFileOrDirectory)
    }
    return FileStatus(
      identity: FileIdentity(file.inode), version: FileVersion(file.version),
      size: Int64(file.content.count), isSettled: isSettled, isAppendOnly: isAppendOnly)
  }

  func status(of handle: Handle) throws(MapError) -> FileStatus {
    guard let path = state.withLock({ $0.handles[handle.rawValue] }) else {
      throw MapError(.openFailed, errno: .badFileDescriptor)
    }
    let status = try look(at: path)
    try? afterLook(path)
    return status
  }

  func close(_ handle: Handle) {
    beforeClose()
    state.withLock { $0.handles[handle.rawValue] = nil }
  }

  func reserve(
    fileSize: Int64, byteCount: Int, alignment: Int
  ) throws(MapError) -> Extent {
    onReserve.withLock { $0 }?()
    state.withLock { $0.extents += 1 }
    let base = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: alignment)
    unsafe base.initializeMemory(as: UInt8.self, repeating: Self.absent, count: byteCount)
    return unsafe Extent(base: base, byteCount: byteCount)
  }

  func release(_ extent: Extent) {
    state.withLock { $0.extents -= 1 }
    unsafe extent.base.deallocate()
  }

  func read(
    _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(MapError) -> Int {
    let content = state.withLock { state in
      state.loads += 1
      return state.handles[handle.rawValue].flatMap { state.files[$0]?.content }
    }
    guard let content else { throw MapError(.readFailed, errno: .ioError) }
    let bytes = content.dropFirst(Int(clamping: offset)).prefix(buffer.count)
    unsafe buffer.copyBytes(from: bytes)
    return bytes.count
  }

  func read(_ requests: inout [ReadRequest]) {
    for index in requests.indices {
      let request = requests[index]
      do throws(MapError) {
        if let error = beforeLoad(request) { throw error }
        requests[index].result = .success(
          try unsafe read(request.handle, at: request.offset, into: request.buffer))
      } catch {
        requests[index].result = .failure(error)
      }
    }
  }

  /// Reads on a thread of its own, so that a read that blocks holds nobody up.
  func submit(
    _ requests: [ReadRequest], completion: @escaping @Sendable ([ReadRequest]) -> Void
  ) -> LoadCancellation {
    let isCancelled = Locked(false)
    let thread = Thread { [self] in
      for one in requests {
        var one = [one]
        read(&one)
        if isCancelled.withLock({ $0 }) { one[0].result = .failure(MapError(.cancelled)) }
        completion(one)
      }
    }
    thread.start()
    return LoadCancellation { [self] in
      isCancelled.withLock { $0 = true }
      state.withLock { $0.cancellations += 1 }
    }
  }

  /// What lies where nothing is loaded; who reads it has no pin.
  static let absent: UInt8 = 0xDD

  func open(_ region: ExtentRange) {}

  func populate(_ regions: [ExtentRange]) {}

  func empty(_ regions: [ExtentRange]) {
    state.withLock { $0.unloads += regions.count }
    for region in regions {
      unsafe region.start.initializeMemory(
        as: UInt8.self, repeating: Self.absent, count: region.byteCount)
    }
  }

  func shutdown() { state.withLock { $0.isShutDown = true } }
}

/// An outsider's policy: the text of `EvictionPolicy`'s documentation.
struct SampleFIFO: EvictionPolicy {
  private var queue: [RegionSlot] = []
  var name: String { "sample" }
  var hits: HitReporting { .none }
  mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) { queue.append(slot) }
  mutating func victim(_ references: ReferenceTable) -> RegionSlot? { queue.first }
  mutating func remove(_ slot: RegionSlot, evicted: Bool) { queue.removeAll { $0 == slot } }
  mutating func pinned(_ slot: RegionSlot) {
    remove(slot, evicted: false)
    queue.append(slot)
  }
  func evictionOrder() -> [RegionSlot] { queue }
}
