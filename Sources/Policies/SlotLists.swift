internal import MapProtocols

/// Doubly linked lists through an array indexed by slot, each slot in at most one list: what the policies order their
/// regions by.
///
/// The first `listCount` nodes are the lists' sentinels, so that linking and unlinking need no branches; the node of a
/// slot follows at its number. Every operation takes O(1), save growth, which is amortized, and where said otherwise.
/// A slot in no list has a `previous` that lies outside the array, so that unlinking it traps at the bounds check.
struct SlotLists: Sendable {
  /// A node's neighbours, as indices into `nodes`.
  struct Node: Sendable {
    var previous: UInt32
    var next: UInt32
  }

  private static let absent = UInt32.max

  private var nodes: [Node]
  private let listCount: UInt32

  /// `listCount` empty lists, numbered from 0.
  init(listCount: Int = 1) {
    self.listCount = UInt32(listCount)
    nodes = (0..<UInt32(listCount)).map { Node(previous: $0, next: $0) }
  }

  /// Whether the slot is in one of the lists.
  func contains(_ slot: RegionSlot) -> Bool {
    let node = self.node(of: slot)
    return node < nodes.count && nodes[node].previous != Self.absent
  }

  /// Whether a list holds nothing.
  func isEmpty(_ list: Int = 0) -> Bool { Int(nodes[list].next) == list }

  /// The first slot of a list.
  func first(of list: Int = 0) -> RegionSlot? { slot(at: nodes[list].next) }

  /// The last slot of a list.
  func last(of list: Int = 0) -> RegionSlot? { slot(at: nodes[list].previous) }

  /// The slot behind `slot` in its list, or nil at the end.
  func next(after slot: RegionSlot) -> RegionSlot? {
    self.slot(at: nodes[node(of: slot)].next)
  }

  /// The slot before `slot` in its list, or nil at the beginning.
  func previous(before slot: RegionSlot) -> RegionSlot? {
    self.slot(at: nodes[node(of: slot)].previous)
  }

  /// Puts a slot that is in no list at the end of one.
  mutating func append(_ slot: RegionSlot, to list: Int = 0) {
    let node = admit(slot)
    var nodes = nodes.mutableSpan
    Self.link(node, before: UInt32(list), &nodes)
  }

  /// Puts a slot that is in no list behind another in its list, or, where that is nil, at the beginning of `list`.
  mutating func insert(_ slot: RegionSlot, after other: RegionSlot?, in list: Int = 0) {
    let node = admit(slot)
    let behind = nodes[other.map { self.node(of: $0) } ?? list].next
    var nodes = nodes.mutableSpan
    Self.link(node, before: behind, &nodes)
  }

  /// Takes a slot out of its list.
  mutating func remove(_ slot: RegionSlot) {
    let node = self.node(of: slot)
    var nodes = nodes.mutableSpan
    Self.unlink(node, &nodes)
    nodes[node].previous = Self.absent
  }

  /// Moves a slot from wherever it is to the end of a list.
  mutating func moveToEnd(_ slot: RegionSlot, of list: Int = 0) {
    let node = self.node(of: slot)
    var nodes = nodes.mutableSpan
    Self.unlink(node, &nodes)
    Self.link(UInt32(node), before: UInt32(list), &nodes)
  }

  /// Moves slots to the end of a list, one after the other. O(k) for k slots.
  ///
  /// In order and without a look for repetitions: at 30,000 regions this took half the time of relinking each slot once,
  /// the newest first, because no iteration waits for another but for the end of the list.
  mutating func moveToEnd(_ slots: Span<RegionSlot>, of list: Int = 0) {
    let listCount = Int(listCount)
    var nodes = nodes.mutableSpan
    for index in slots.indices {
      let node = slots[index].index &+ listCount
      Self.unlink(node, &nodes)
      Self.link(UInt32(truncatingIfNeeded: node), before: UInt32(list), &nodes)
    }
  }

  /// Moves all slots of a list, in their order, to the end of another.
  mutating func moveAll(from source: Int, toEndOf list: Int) {
    let (first, last) = (nodes[source].next, nodes[source].previous)
    if Int(first) == source { return }
    let end = nodes[list].previous
    nodes[Int(end)].next = first
    nodes[Int(first)].previous = end
    nodes[Int(last)].next = UInt32(list)
    nodes[list].previous = last
    nodes[source] = Node(previous: UInt32(source), next: UInt32(source))
  }

  /// The slots of a list, first to last. O(n).
  func slots(of list: Int = 0) -> [RegionSlot] {
    var slots: [RegionSlot] = []
    var current = first(of: list)
    while let slot = current {
      slots.append(slot)
      current = next(after: slot)
    }
    return slots
  }

  /// Appends the first `count` slots of a list to `slots`. O(k) for k slots.
  func copyFirst(_ count: Int, of list: Int = 0, into slots: inout [RegionSlot]) {
    var left = count
    var current = first(of: list)
    while left > 0, let slot = current {
      slots.append(slot)
      left -= 1
      current = next(after: slot)
    }
  }

  /// Traps unless links agree in both directions and every linked slot is reached from exactly one list. O(n).
  ///
  /// - Returns: how many slots are linked.
  @discardableResult
  func checkInvariants() -> Int {
    // A span and plain loops: tests check after each operation in debug builds, where these cost a quarter.
    let nodes = nodes.span
    var reached = 0
    var list = 0
    while list < Int(listCount) {
      var node = list
      while true {
        let next = Int(nodes[node].next)
        precondition(Int(nodes[next].previous) == node, "links disagree")
        if next == list { break }
        precondition(next >= listCount, "a list runs into another")
        reached += 1
        precondition(reached < nodes.count, "a list does not end")
        node = next
      }
      list += 1
    }
    var linked = 0
    var node = Int(listCount)
    while node < nodes.count {
      if nodes[node].previous != Self.absent { linked += 1 }
      node += 1
    }
    precondition(reached == linked, "a linked slot is in no list")
    return linked
  }

  /// Makes room for a slot's node, checks that it is in no list, and returns it.
  private mutating func admit(_ slot: RegionSlot) -> UInt32 {
    let node = self.node(of: slot)
    if node >= nodes.count {
      // Not by reserveCapacity, which would grow to exactly that size each time.
      let missing = max(node + 1, nodes.count * 2) - nodes.count
      nodes.append(contentsOf: repeatElement(Node(previous: Self.absent, next: 0), count: missing))
    }
    precondition(nodes[node].previous == Self.absent, "the slot is held already")
    return UInt32(node)
  }

  private func slot(at node: UInt32) -> RegionSlot? {
    node < listCount ? nil : RegionSlot(rawValue: node &- listCount)
  }

  private func node(of slot: RegionSlot) -> Int { slot.index &+ Int(listCount) }

  @inline(__always)
  private static func unlink(_ node: Int, _ nodes: inout MutableSpan<Node>) {
    let old = nodes[node]
    nodes[Int(old.previous)].next = old.next
    nodes[Int(old.next)].previous = old.previous
  }

  @inline(__always)
  private static func link(_ node: UInt32, before next: UInt32, _ nodes: inout MutableSpan<Node>) {
    let previous = nodes[Int(next)].previous
    nodes[Int(previous)].next = node
    nodes[Int(node)] = Node(previous: previous, next: next)
    nodes[Int(next)].previous = node
  }
}
