import MapProtocols
public import Synchronization

/// The hits of one thread's cursors since the last drain, in order: a ring of the words that were seen.
///
/// A log belongs to the threads whose ordinal maps to it, in practice one. The writer alone moves `tail`, whose release
/// store publishes the entries; `head` is the drainer's, who holds the core's lock. The writer asks for a drain at every
/// half turn, and waits for the lock if it would come to write over what was not read.
/// Should two threads share a log (a cursor that moved between them, or more threads than logs) some entries may be lost
/// and the tail may move backwards; entries that name a region which has left are skipped. In one
/// thread nothing is lost and order is exact.
@usableFromInline
@safe
struct AccessLog: @unchecked Sendable {
  @usableFromInline let raw: UnsafeMutableRawPointer

  @usableFromInline static var capacity: UInt64 { 4096 }
  // The drainer writes to a cache line of its own.
  private static let headOffset = 64
  @usableFromInline static var entriesOffset: Int { 128 }

  init() {
    let size = Self.entriesOffset + Int(Self.capacity) * 4
    unsafe raw = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
    unsafe raw.initializeMemory(as: UInt8.self, repeating: 0, count: size)
  }

  func deallocate() { unsafe raw.deallocate() }

  @inlinable var tail: UnsafeMutablePointer<Atomic<UInt64>> {
    unsafe raw.assumingMemoryBound(to: Atomic<UInt64>.self)
  }
  @inlinable var entries: UnsafeMutablePointer<Atomic<UInt32>> {
    unsafe (raw + Self.entriesOffset).assumingMemoryBound(to: Atomic<UInt32>.self)
  }
  // Released by the drainer after it has read the entries before, acquired by a writer that goes on to write over them. An old value
  // makes the writer wait for nothing.
  private var head: UnsafeMutablePointer<Atomic<UInt64>> {
    unsafe (raw + Self.headOffset).assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  /// Whether the writer would come to what was not read before it asks for a drain again.
  var isFull: Bool {
    let unread =
      unsafe tail.pointee.load(ordering: .relaxed) &- head.pointee.load(ordering: .acquiring)
    return unread > Self.capacity / 2
  }

  /// Appends a hit, unless it is the last of half a turn: then the slow path does, and drains.
  @inlinable
  @inline(__always)
  func appendWithinTurn(_ word: WindowWord) -> Bool {
    let tail = unsafe tail.pointee.load(ordering: .relaxed)
    if (tail &+ 1) & (Self.capacity / 2 &- 1) == 0 { return false }
    append(word, tail)
    return true
  }

  /// Appends a hit; true at each half turn of the ring, when it should be drained.
  func append(_ word: WindowWord) -> Bool {
    let tail = unsafe tail.pointee.load(ordering: .relaxed)
    append(word, tail)
    return (tail &+ 1) & (Self.capacity / 2 &- 1) == 0
  }

  @inlinable
  @inline(__always)
  func append(_ word: WindowWord, _ tail: UInt64) {
    unsafe entries[Int(tail & (Self.capacity &- 1))].store(word.bits, ordering: .relaxed)
    unsafe self.tail.pointee.store(tail &+ 1, ordering: .releasing)
  }

  /// How many hits were ever written here.
  var appended: Int { Int(unsafe tail.pointee.load(ordering: .relaxed)) }

  /// Appends to `slots` what was hit since the last drain and is `held` still, oldest first. Called under the core's lock.
  ///
  /// - Returns: how many more there were: overwritten before they were read, or of regions that another thread unloaded
  ///   meanwhile.
  func drain(into slots: inout [RegionSlot], _ held: [Bool]) -> Int {
    let tail = unsafe tail.pointee.load(ordering: .acquiring)
    var next = unsafe head.pointee.load(ordering: .relaxed)
    // Writers that share a log may take its tail back behind what was read already: what they wrote there is lost.
    if Int64(bitPattern: tail &- next) <= 0 {
      unsafe head.pointee.store(tail, ordering: .releasing)
      return 0
    }
    var dropped: UInt64 = 0
    if tail &- next > Self.capacity {
      dropped = tail &- next &- Self.capacity
      next = tail &- Self.capacity
    }
    let entries = unsafe entries
    while next != tail {
      let bits = unsafe entries[Int(next & (Self.capacity &- 1))].load(ordering: .relaxed)
      let slot = WindowWord(bits: bits).slot
      if slot.index < held.count && held[slot.index] {
        slots.append(slot)
      } else {
        dropped += 1
      }
      next &+= 1
    }
    unsafe head.pointee.store(tail, ordering: .releasing)
    return Int(dropped)
  }
}
