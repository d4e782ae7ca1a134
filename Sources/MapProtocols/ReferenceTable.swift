public import CMapShims
public import Synchronization

/// The reference counts that readers leave behind on a hit, for policies that ask for `.counted(upTo:)`.
///
/// In a manager a count lies beside its window's word, so that a hit touches no further cache line; this table finds it by
/// slot. A table made by hand holds the counts itself: for tests, simulations and hosts of your own.
///
/// Readers bump a count with relaxed loads and stores and no lock, and the policy ages it the same way. A bump that races
/// with an aging may be lost, which costs one mark and no more; in one thread counts are exact.
@safe
public final class ReferenceTable {
  @usableFromInline
  package typealias Cell = UnsafeMutablePointer<Atomic<UInt8>>

  // Unchecked: no access lasts longer than a load or a store, and the check would cost more than either.
  @exclusivity(unchecked) @usableFromInline var cells: UnsafeMutablePointer<Cell>
  private var capacity: Int
  private let unbound: Cell
  private var owned: Cell?

  /// An empty table; its host binds a count to each slot.
  package init() {
    unsafe cells = .allocate(capacity: 1)
    unsafe unbound = Self.makeCells(1)
    unsafe cells.initialize(to: unbound)
    capacity = 1
  }

  /// A table with counts of its own for the slots 0..<`slots`.
  public convenience init(slots: Int) {
    self.init()
    let block = unsafe Self.makeCells(max(slots, 1))
    unsafe owned = block
    for slot in 0..<slots { unsafe bind(RegionSlot(slot), to: block + slot) }
  }

  deinit {
    if let owned = unsafe owned { unsafe owned.deallocate() }
    unsafe unbound.deallocate()
    unsafe cells.deallocate()
  }

  private static func makeCells(_ count: Int) -> Cell {
    let raw = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 1)
    unsafe raw.initializeMemory(as: UInt8.self, repeating: 0, count: count)
    return unsafe raw.bindMemory(to: Atomic<UInt8>.self, capacity: count)
  }

  /// Makes `slot` stand for the count at `cell`, which must stay until the slot is bound anew. O(1) amortized.
  package func bind(_ slot: RegionSlot, to cell: UnsafeMutablePointer<Atomic<UInt8>>) {
    if slot.index >= capacity {
      let larger = max(slot.index + 1, capacity * 2)
      let moved = UnsafeMutablePointer<Cell>.allocate(capacity: larger)
      unsafe moved.initialize(from: cells, count: capacity)
      unsafe (moved + capacity).initialize(repeating: unbound, count: larger - capacity)
      unsafe cells.deallocate()
      unsafe cells = moved
      capacity = larger
    }
    unsafe cells[slot.index] = cell
  }

  /// Lets go of the count that `slot` stood for.
  package func unbind(_ slot: RegionSlot) {
    unsafe cells[slot.index] = unbound
  }

  /// How often `slot` was used since its count was last aged, at most the policy's limit. O(1).
  @inlinable
  public func count(of slot: RegionSlot) -> Int {
    Int(unsafe cells[slot.index].pointee.load(ordering: .relaxed))
  }

  /// Brings the count of `slot` near, which a policy will soon ask for. O(1).
  @inlinable
  package func prefetch(_ slot: RegionSlot) {
    // Which address it is does not matter to a prefetch.
    unsafe smap_prefetch(cells[slot.index])
  }

  /// Brings near what tells where the count of `slot` is. O(1).
  @inlinable
  package func prefetchPlace(_ slot: RegionSlot) {
    unsafe smap_prefetch(cells + slot.index)
  }

  /// Sets the count of `slot`, as a policy does when its hand passes. O(1).
  @inlinable
  public func setCount(of slot: RegionSlot, to count: Int) {
    unsafe cells[slot.index].pointee.store(UInt8(truncatingIfNeeded: count), ordering: .relaxed)
  }

  /// Notes a use of `slot`, as a manager does on a hit; the count stops at `limit`. O(1).
  @inlinable
  public func mark(_ slot: RegionSlot, limit: UInt8) {
    let cell = unsafe cells[slot.index]
    let count = unsafe cell.pointee.load(ordering: .relaxed)
    if count < limit { unsafe cell.pointee.store(count &+ 1, ordering: .relaxed) }
  }
}
