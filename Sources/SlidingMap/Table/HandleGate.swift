import MapProtocols
import Synchronization

/// The way to a file's handle for readers without the lock: open while the core lets the handle be, and counted, so that it
/// is never closed under a reader.
///
/// A reader counts itself in, then looks whether the gate is open; the core closes the gate, then looks whether somebody is
/// counted. All four are sequentially consistent, so at least one of the two sees the other. The same holds on the way out:
/// a reader counts itself out, then looks whether the gate was closed, and then tells the core, which may wait for it.
@safe
struct HandleGate: @unchecked Sendable {
  private struct Cells: ~Copyable {
    let handle = Atomic(HandleGate.closed)
    let readers = Atomic(0)
  }

  private static let closed = Int.min
  // On a cache line of its own.
  private let cells: UnsafeMutablePointer<Cells>

  /// A closed gate.
  init() {
    let raw = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
    unsafe cells = raw.bindMemory(to: Cells.self, capacity: 1)
    unsafe cells.initialize(to: Cells())
  }

  func deallocate() {
    unsafe cells.deinitialize(count: 1)
    unsafe cells.deallocate()
  }

  // MARK: For the core, under the lock

  /// Lets readers in.
  func open(_ handle: Handle) {
    unsafe cells.pointee.handle.store(handle.rawValue, ordering: .sequentiallyConsistent)
    Turn.pass("gate opened")
  }

  /// Lets no more readers in.
  ///
  /// - Returns: whether none is left. Those who are will take the lock when they leave.
  func close() -> Bool {
    unsafe cells.pointee.handle.store(Self.closed, ordering: .sequentiallyConsistent)
    Turn.pass("gate closed")
    return unsafe cells.pointee.readers.load(ordering: .sequentiallyConsistent) == 0
  }

  // MARK: For readers

  /// Comes in, if the gate is open. Whoever came in, and only he, leaves.
  func enter() -> Handle? {
    Turn.pass("enters the gate")
    unsafe cells.pointee.readers.add(1, ordering: .sequentiallyConsistent)
    Turn.pass("is in the gate")
    let handle = unsafe cells.pointee.handle.load(ordering: .sequentiallyConsistent)
    return handle == Self.closed ? nil : Handle(rawValue: handle)
  }

  /// Leaves, also after the gate was found closed: as one who is on his way in counts, he tells the core like the others.
  ///
  /// - Returns: whether the gate was closed: the core may wait.
  func leave() -> Bool {
    Turn.pass("leaves the gate")
    unsafe cells.pointee.readers.subtract(1, ordering: .sequentiallyConsistent)
    Turn.pass("left the gate")
    return unsafe cells.pointee.handle.load(ordering: .sequentiallyConsistent) == Self.closed
  }
}
