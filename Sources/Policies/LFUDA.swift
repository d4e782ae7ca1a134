public import MapProtocols

/// Unloads the region used least often, where old uses lose their weight: `LFU` for work that drifts.
///
/// A region's key is L plus the number of its uses, set anew at each use; L is the key of the last victim, so that what
/// comes now starts above what left. The lowest key goes, among equals the least recently used. LFU with dynamic aging,
/// after Arlitt, Cherkasova, Dilley, Friedrich and Jin, "Evaluating Content Management Techniques for Web Proxy Caches",
/// 1999.
///
/// Every region counts the same, whatever its size, and nothing depends on the capacity. A pinned victim counts as used
/// once more when the next hit or miss comes, and is not named before.
public struct LFUDA: EvictionPolicy {
  /// A candidate and what it is judged by.
  private struct Node {
    var key: Int
    /// When it was used last, counted in uses.
    var time: Int
    var slot: RegionSlot

    func goesBefore(_ other: Node) -> Bool { (key, time) < (other.key, other.time) }
  }

  /// What is known of a slot.
  private struct Entry {
    var count = 0
    /// Where in the heap it stands; `absent` while set aside.
    var position = LFUDA.absent
  }

  private static let absent = UInt32.max
  /// The children of a node: four share a cache line or two, and the heap is half as high as with two.
  private static let arity = 4

  /// The first to go comes first, and each goes before its children.
  private var heap: [Node] = []
  private var entries = SlotTable(empty: Entry())
  /// Those found pinned, in that order.
  private var aside = SlotLists()
  /// L.
  private var age = 0
  private var now = 0

  /// A policy that holds nothing yet. O(1).
  public init() {}

  /// "lfuda". O(1).
  public var name: String { "lfuda" }

  /// Every hit, in order. O(1).
  public var hits: HitReporting { .ordered }

  /// Those set aside are candidates again. O(log n) for each, which `pinned` pays.
  public mutating func miss(_ key: RegionKey) { readmit() }

  /// Notes a region as used once. O(log n), and O(1) where most keys are below it.
  public mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) {
    readmit()
    entries.set(slot, to: Entry())
    enter(slot)
  }

  /// Counts uses.
  ///
  /// - Complexity: O(log n) for each in the worst case. Three in four regions have none below them in the heap, and those
  ///   used often sink there, so that it is O(1) on average.
  public mutating func hit(_ slots: Span<RegionSlot>) {
    readmit()
    for index in slots.indices {
      let slot = slots[index]
      entries[slot].count += 1
      now += 1
      sink(
        Node(key: age + entries[slot].count, time: now, slot: slot), from: entries[slot].position)
    }
  }

  /// The region with the lowest key. O(1), and O(n log n) once after all were found pinned.
  public mutating func victim(_ references: ReferenceTable) -> RegionSlot? {
    if heap.isEmpty { readmit() }
    return heap.first?.slot
  }

  /// Sets the victim aside until the next hit or miss. O(log n).
  public mutating func pinned(_ slot: RegionSlot) {
    guard entries[slot].position != Self.absent else { return }
    leave(slot)
    aside.append(slot)
  }

  /// Forgets a region, and ages the others if it was evicted. O(log n).
  public mutating func remove(_ slot: RegionSlot, evicted: Bool) {
    let position = entries[slot].position
    if position == Self.absent {
      aside.remove(slot)
    } else {
      if evicted { age = max(age, heap[Int(position)].key) }
      leave(slot)
    }
  }

  /// Regions that stand at the top of the heap, of which the first is the victim. O(`count` log `count`).
  public func upcoming(
    _ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot]
  ) {
    let top = heap.prefix(count).sorted { $0.goesBefore($1) }
    slots.append(contentsOf: top.lazy.map(\.slot))
  }

  /// All regions, the lowest key first. O(n log n).
  public func evictionOrder() -> [RegionSlot] {
    var copy = self
    copy.readmit()
    return copy.heap.sorted { $0.goesBefore($1) }.map(\.slot)
  }

  /// Checks the heap, positions and keys. O(n).
  public func _checkInvariants() {
    aside.checkInvariants()
    for (position, node) in heap.enumerated() {
      precondition(entries[node.slot].position == UInt32(position), "a position is wrong")
      precondition(node.key >= age, "a key is below the last victim's")
      precondition(node.key <= age + entries[node.slot].count, "a key is above its uses")
      precondition(node.time <= now, "a use is yet to come")
      if position > 0 {
        let parent = heap[(position - 1) / Self.arity]
        precondition(parent.goesBefore(node), "a node goes after its child")
      }
    }
    for slot in aside.slots() {
      precondition(entries[slot].position == Self.absent, "set aside, but in the heap")
    }
  }

  /// Puts a region into the heap, used once more.
  private mutating func enter(_ slot: RegionSlot) {
    entries[slot].count += 1
    now += 1
    let node = Node(key: age + entries[slot].count, time: now, slot: slot)
    heap.append(node)
    rise(node, from: UInt32(heap.count - 1))
  }

  private mutating func leave(_ slot: RegionSlot) {
    let position = entries[slot].position
    entries[slot].position = Self.absent
    guard let last = heap.popLast(), last.slot != slot else { return }
    // The last one may come from another branch, where keys are lower.
    if position > 0, last.goesBefore(heap[(Int(position) - 1) / Self.arity]) {
      rise(last, from: position)
    } else {
      sink(last, from: position)
    }
  }

  private mutating func rise(_ node: Node, from start: UInt32) {
    var position = Int(start)
    while position > 0 {
      let parent = (position - 1) / Self.arity
      guard node.goesBefore(heap[parent]) else { break }
      place(heap[parent], at: position)
      position = parent
    }
    place(node, at: position)
  }

  private mutating func sink(_ node: Node, from start: UInt32) {
    var position = Int(start)
    while true {
      let first = Self.arity * position + 1
      if first >= heap.count { break }
      var least = first
      for child in first + 1..<max(min(first + Self.arity, heap.count), first + 1)
      where heap[child].goesBefore(heap[least]) {
        least = child
      }
      guard heap[least].goesBefore(node) else { break }
      place(heap[least], at: position)
      position = least
    }
    place(node, at: position)
  }

  private mutating func place(_ node: Node, at position: Int) {
    heap[position] = node
    entries[node.slot].position = UInt32(position)
  }

  private mutating func readmit() {
    while let slot = aside.first() {
      aside.remove(slot)
      enter(slot)
    }
  }
}

extension EvictionPolicy where Self == LFUDA {
  /// Unloads the region used least often, where old uses lose their weight.
  public static var lfuda: LFUDA { LFUDA() }
}
