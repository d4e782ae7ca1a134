import Foundation
import SlidingMap
import SystemPackage

/// mmap whose first call to empty ranges since it was armed waits for a gate.
final class SlowUnloader: MappingProvider {
  private struct State {
    var isArmed: Bool
    var isUnloading = false
    var unloading: Set<UInt> = []
    var isReleased = false
    var handles = 0
  }
  private let base = MMapProvider()
  private let state: Locked<State>
  let gate = Gates()
  /// Holds up the ends of loads.
  let loading = Gates()

  /// How many handles the system has to give.
  private let mostHandles: Int

  /// Whether the ranges are emptied before the wait.
  private let waitsAfterwards: Bool

  init(isArmed: Bool = true, mostHandles: Int = .max, waitsAfterwards: Bool = false) {
    state = Locked(State(isArmed: isArmed))
    self.mostHandles = mostHandles
    self.waitsAfterwards = waitsAfterwards
  }

  func arm() { state.withLock { $0.isArmed = true } }

  var isUnloading: Bool { state.withLock { $0.isUnloading } }
  /// Whether an extent was released that was being emptied then.
  var isReleased: Bool { state.withLock { $0.isReleased } }
  var name: String { base.name }
  var mapping: MappingProperties { base.mapping }

  func open(_ source: FileSource) throws(MapError) -> OpenedFile {
    if state.withLock({ $0.handles >= mostHandles }) {
      throw MapError(.handlesExhausted, errno: .tooManyOpenFiles)
    }
    let opened = try base.open(source)
    state.withLock { $0.handles += 1 }
    return opened
  }
  func status(of source: FileSource) throws(MapError) -> FileStatus {
    try base.status(of: source)
  }
  func status(of handle: Handle) throws(MapError) -> FileStatus { try base.status(of: handle) }
  func close(_ handle: Handle) {
    state.withLock { $0.handles -= 1 }
    base.close(handle)
  }
  func map(
    _ handle: Handle, fileSize: Int64, byteCount: Int, alignment: Int
  ) throws(MapError) -> Extent {
    try base.map(handle, fileSize: fileSize, byteCount: byteCount, alignment: alignment)
  }
  func map(_ handle: Handle, fileSize: Int64, replacing extent: Extent) throws(MapError) -> Extent {
    try base.map(handle, fileSize: fileSize, replacing: extent)
  }
  func unmap(_ extent: Extent) {
    state.withLock { state in
      if unsafe state.unloading.contains(UInt(bitPattern: extent.base)) { state.isReleased = true }
    }
    base.unmap(extent)
  }
  func read(
    _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(MapError) -> Int {
    try unsafe base.read(handle, at: offset, into: buffer)
  }
  func load(_ loads: inout [RegionLoad]) { base.load(&loads) }
  func submit(
    _ loads: [RegionLoad], completion: @escaping @Sendable ([RegionLoad]) -> Void
  ) -> LoadCancellation {
    Thread { [self] in
      loading.wait()
      var loads = loads
      base.load(&loads)
      completion(loads)
    }.start()
    return .impossible
  }
  func unload(_ regions: [ExtentRange]) {
    let waits = state.withLock { state in
      defer { state.isArmed = false }
      if !state.isArmed { return false }
      state.isUnloading = true
      state.unloading = Set(regions.map { unsafe UInt(bitPattern: $0.extent.base) })
      return true
    }
    if waits && !waitsAfterwards { gate.wait() }
    base.unload(regions)
    if waits && waitsAfterwards { gate.wait() }
  }
}
