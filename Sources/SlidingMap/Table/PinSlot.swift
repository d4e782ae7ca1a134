import MapProtocols
public import Synchronization

/// A cursor's hazard slot: the windows its lease covers, on a cache line of its own.
///
/// Protocol. A reader stores the lease with release, passes a compiler fence, and loads the window's word with acquire.
/// The evictor marks words as candidates by read-modify-write, calls membarrier, then loads the slots with acquire. For
/// each reader the membarrier falls either after its store, and then the scan sees the lease; or before its load, and then
/// the reader sees the mark and takes the slow path. Clearing is a store with release, so that all reads of the bytes come
/// before the unloading that follows the scan's acquiring load.
///
/// Where membarrier is missing, readers pass a sequentially consistent fence instead and the evictor another.
@usableFromInline
struct PinSlot: ~Copyable {
  /// The offset of the first window, which ends in twelve zeros, plus the number of windows; 0 without a lease.
  @usableFromInline let lease: Atomic<UInt64>
  /// Hits that took the fast path; written by the cursor alone, with relaxed loads and stores.
  @usableFromInline let hits: Atomic<UInt64>
  /// How the cursor notes hits on the fast path: `marks` or `logs`; or `called` when it must take the slow path and look at
  /// the control word. The core stores that, with release, after every change of the control word or of the file's base;
  /// the cursor exchanges it for `marks` before it reads them, and that for `logs` only if the core has not called again.
  @usableFromInline let attention: Atomic<UInt64>
  /// Requests that passed by their windows; written like `hits`.
  let bypasses: Atomic<UInt64>
  /// Not 0 while a copy of the cursor shares the private memory that it shows. Written by the cursor's thread alone.
  let sharesCopy: Atomic<UInt64>
  /// The number of windows, where it takes more than twelve bits. Stored before the lease.
  let wide: Atomic<UInt64>

  /// A slot has a cache line to itself, so that cursors on different threads do not slow each other down.
  static let stride = ExtentPoison.placeSize

  /// Values of `attention`.
  @inlinable static var marks: UInt64 { 0 }
  static let called: UInt64 = 1
  @inlinable static var logs: UInt64 { 2 }

  static let countMask: UInt64 = 0xfff
  /// Stands for a number of windows that is found in `wide`.
  static let isWide: UInt64 = 0xfff

  /// Replaces the lease. Release: all reads under the old one come before.
  @inlinable
  @inline(__always)
  func store(_ bits: UInt64) {
    #if SLIDING_MAP_CANARY
      if Canary.storesLeasesRelaxed.load(ordering: .relaxed) {
        return lease.store(bits, ordering: .relaxed)
      }
    #endif
    lease.store(bits, ordering: .releasing)
  }

  /// Publishes a lease on `count` windows, the first of which starts at `start`.
  func publish(start: Int64, count: Int) {
    if count < Self.isWide {
      store(UInt64(start) + UInt64(count))
    } else {
      // Release, like the lease: reads under the old lease must not move past it.
      wide.store(UInt64(count), ordering: .releasing)
      Turn.pass("width published")
      store(UInt64(start) + Self.isWide)
    }
    Turn.pass("lease published")
  }

  /// The windows of the lease in force. A lease that changes meanwhile may be seen as any mixture of old and new: the old
  /// one has ended then, and the new one was published after the marks and finds them.
  func windows(_ grid: WindowGrid) -> Range<Int> {
    windows(grid, lease.load(ordering: .acquiring))
  }

  /// The windows of a lease that was read in this slot.
  func windows(_ grid: WindowGrid, _ lease: UInt64) -> Range<Int> {
    if lease == 0 { return 0..<0 }
    let first = grid.window(at: Int64(lease & ~Self.countMask))
    var count = lease & Self.countMask
    if count == Self.isWide { count = max(count, wide.load(ordering: .relaxed)) }
    return first..<first + Int(count)
  }

  /// Counts a hit. The slot has one writer, so this needs no atomic addition.
  @inlinable
  func countHit() {
    hits.store(hits.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
  }

  /// Counts a bypass in the same way, and returns how many there were.
  func countBypass() -> Int {
    let count = bypasses.load(ordering: .relaxed) &+ 1
    bypasses.store(count, ordering: .relaxed)
    return Int(truncatingIfNeeded: count)
  }
}

@usableFromInline
typealias Pin = UnsafeMutablePointer<PinSlot>

/// The hazard slots of one edition's cursors. Guarded by the core's lock; slots stay where they are while the edition does, in memory in
/// which a handler of signals, too, calls their attention.
@safe
struct PinSlots: ~Copyable {
  private let memory: ExtentPoison
  private var chunks: [(base: UnsafeMutableRawPointer, count: Int)] = unsafe []
  private var free: [Pin] = unsafe []

  init(_ memory: ExtentPoison) { self.memory = memory }

  /// A slot without a lease, whose cursor has yet to look at the control word. Amortized O(1).
  mutating func allocate() -> Pin {
    if unsafe free.isEmpty { grow() }
    let pin = unsafe free.removeLast()
    unsafe pin.pointee.attention.store(PinSlot.called, ordering: .relaxed)
    return unsafe pin
  }

  /// A slot of no file, never given back.
  static func stranded() -> Pin {
    let base = UnsafeMutableRawPointer.allocate(byteCount: PinSlot.stride, alignment: 64)
    unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: PinSlot.stride)
    return unsafe slot(base, 0)
  }

  private mutating func grow() {
    let count = unsafe chunks.isEmpty ? 2 : min(chunks.last!.count * 2, 1024)
    let base = unsafe memory.addPlaces(count)
    unsafe chunks.append((base, count))
    for index in (0..<count).reversed() {
      unsafe free.append(Self.slot(base, index))
    }
  }

  /// Takes a slot back, and the hits and bypasses counted in it.
  mutating func release(_ pin: Pin) -> (hits: Int, bypasses: Int) {
    unsafe pin.pointee.store(0)
    Turn.pass("lease ended")
    unsafe pin.pointee.sharesCopy.store(0, ordering: .relaxed)
    let hits = unsafe pin.pointee.hits.exchange(0, ordering: .relaxed)
    let bypasses = unsafe pin.pointee.bypasses.exchange(0, ordering: .relaxed)
    unsafe free.append(pin)
    return (Int(hits), Int(bypasses))
  }

  /// Calls `body` with each slot, free ones included. O(slots).
  func forEach(_ body: (borrowing PinSlot) -> Void) {
    for unsafe(base, count) in unsafe chunks {
      for index in 0..<count { unsafe body(Self.slot(base, index).pointee) }
    }
  }

  /// Calls `body` with each slot whose lease may cover a window that starts at an offset in `low`...`high`.
  func forEachLease(from low: Int64, through high: Int64, _ body: (Pin) -> Void) {
    let high = UInt64(high) | PinSlot.countMask
    for unsafe(base, count) in unsafe chunks {
      for index in 0..<count {
        let pin = unsafe Self.slot(base, index)
        Turn.pass("looks at a pin")
        let lease = unsafe pin.pointee.lease.load(ordering: .acquiring)
        // A lease of one window is passed over by its start alone; 0 is none at all.
        if lease == 0 || lease > high { continue }
        if lease & PinSlot.countMask == 1 && lease < UInt64(low) { continue }
        unsafe body(pin)
      }
    }
  }

  /// Sends every cursor to the slow path once.
  func callAttention() {
    forEach {
      $0.attention.store(PinSlot.called, ordering: .releasing)
      Turn.pass("attention called")
    }
  }

  /// The hits counted in all slots.
  var hits: Int {
    var sum = 0
    forEach { sum += Int($0.hits.load(ordering: .relaxed)) }
    return sum
  }

  /// The bypasses counted in all slots.
  var bypasses: Int {
    var sum = 0
    forEach { sum += Int($0.bypasses.load(ordering: .relaxed)) }
    return sum
  }

  private static func slot(_ base: UnsafeMutableRawPointer, _ index: Int) -> Pin {
    unsafe (base + index * PinSlot.stride).assumingMemoryBound(to: PinSlot.self)
  }
}
