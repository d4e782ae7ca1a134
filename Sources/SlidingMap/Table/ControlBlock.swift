public import Synchronization

/// What the slow path of every access must know of its manager, in one word that changes rarely: how hits are reported,
/// and whether the fast path is open.
///
/// Written under the core's lock, read with relaxed order. After a change the core calls for the attention of all cursors
/// (`PinSlot.attention`); what they note in between goes the old way, which the core tolerates. The `overshoot` flag is
/// raised before the membarrier of the scan that decides over it, so that no release after that scan can miss it.
@usableFromInline
typealias ControlBlock = UnsafeMutablePointer<Atomic<UInt64>>

enum Control {
  /// Bits 0 to 7: the limit of reference counts; 0 if hits are not counted.
  static let limitMask: UInt64 = 0xff
  /// Hits go to the log, in order.
  static let ordered: UInt64 = 0x100
  /// There is no membarrier: readers must fence for themselves.
  static let fences: UInt64 = 0x200
  /// The budget is exceeded, or the manager shut down: each change of a lease must give the core a chance to unload.
  static let overshoot: UInt64 = 0x400
  /// The budget is full: what is seldom asked for may be read past its window.
  static let bypass: UInt64 = 0x800
  /// Somebody observes accesses, so bypasses must be told.
  static let observed: UInt64 = 0x1000
  /// The fast path is closed.
  static let closed: UInt64 = fences | overshoot
}
