internal import CMapShims
internal import MapProtocols

/// Queues of slots in rings, each slot in at most one, and a value of the policy's for each: for policies that take regions
/// from the front and put them at the end.
///
/// A list goes from slot to slot, each a cache miss where there are many; a ring is read as it lies in memory, and what it
/// will come to can be fetched ahead. What leaves out of the middle, a file's regions when it goes, leaves gaps behind,
/// until they come to the front or are as many as the slots. Where a slot is and its value lie side by side. Every
/// operation takes O(1), amortized for gaps and growth, save where said otherwise.
struct SlotQueues<let queueCount: Int, Value: Sendable>: Sendable {
  private struct Ring: Sendable {
    /// Slots and gaps; a power of two.
    var slots = Array(repeating: absent, count: 8)
    var start = 0
    /// Places from `start` on that hold a slot or a gap; the first holds a slot.
    var length = 0
    /// How many slots there are.
    var count = 0

    var isFull: Bool { length == slots.count }
    var isSparse: Bool { 2 &* count < length }
  }

  private struct Entry: Sendable {
    var value: Value
    /// The place in the ring times four, plus the queue; `absent` where the slot is in none.
    var place: UInt32
  }

  private var rings = InlineArray<queueCount, Ring>(repeating: Ring())
  private var entries: [Entry] = []
  private let empty: Entry

  /// Empty queues, at most four, numbered from 0; slots that never were in one have the value `empty`.
  init(empty: Value) {
    precondition(queueCount <= 4, "a place has two bits for its queue")
    self.empty = Entry(value: empty, place: absent)
  }

  /// How many slots a queue has.
  @inline(__always)
  func count(of queue: Int = 0) -> Int { rings[queue].count }

  /// How many slots and gaps all rings have room for.
  var placeCount: Int { rings.indices.reduce(0) { $0 + rings[$1].slots.count } }

  /// Whether a queue holds nothing.
  @inline(__always)
  func isEmpty(_ queue: Int = 0) -> Bool { rings[queue].count == 0 }

  /// The slot at the front of a queue.
  @inline(__always)
  func first(of queue: Int = 0) -> RegionSlot? {
    if rings[queue].count == 0 { return nil }
    return RegionSlot(rawValue: rings[queue].slots[rings[queue].start])
  }

  /// The slot that will come to the front of a queue after some more, if there is one: what to fetch of it can be known.
  @inline(__always)
  func soon(in queue: Int = 0) -> RegionSlot? { slot(at: near, of: queue) }

  /// The slot that will come to the front of a queue after twice as many.
  @inline(__always)
  func later(in queue: Int = 0) -> RegionSlot? { slot(at: far, of: queue) }

  @inline(__always)
  private func slot(at distance: Int, of queue: Int) -> RegionSlot? {
    // Beyond the end there are gaps, or, in a short ring, slots from its beginning.
    let slots = rings[queue].slots
    return RegionSlot(held: slots[(rings[queue].start &+ distance) & (slots.count &- 1)])
  }

  /// Brings near what is known of a slot.
  @inline(__always)
  func prefetch(_ slot: RegionSlot) {
    unsafe entries.withUnsafeBufferPointer { unsafe smap_prefetch($0.baseAddress! + slot.index) }
  }

  /// The queue that a slot is in.
  func queue(of slot: RegionSlot) -> Int { Int(entries[slot.index].place & 3) }

  /// The value of a slot that was in a queue.
  subscript(_ slot: RegionSlot) -> Value { entries[slot.index].value }

  /// The slots of a queue, the front first; gaps take their time, too.
  func slots(of queue: Int = 0) -> some Sequence<RegionSlot> {
    let ring = rings[queue]
    return (0..<ring.length).lazy.map { ring.slots[(ring.start + $0) & (ring.slots.count - 1)] }
      .filter { $0 != absent }.map { RegionSlot(rawValue: $0) }
  }

  /// Puts a slot that is in no queue at the end of one.
  @inline(__always)
  mutating func append(_ slot: RegionSlot, _ value: Value, to queue: Int = 0) {
    if slot.index >= entries.count { makeRoom(for: slot) }
    precondition(entries[slot.index].place == absent, "the slot is held already")
    if rings[queue].isFull { compact(queue) }
    entries[slot.index] = Entry(value: value, place: Self.push(slot, &rings[queue], queue))
  }

  /// Takes a slot out of its queue, and says which that was.
  @discardableResult @inline(__always)
  mutating func remove(_ slot: RegionSlot) -> Int {
    let place = entries[slot.index].place
    precondition(place != absent, "the slot is not held")
    entries[slot.index].place = absent
    let queue = Int(place & 3)
    Self.clear(Int(place >> 2), &rings[queue])
    if rings[queue].isSparse { compact(queue) }
    return queue
  }

  /// Moves a slot from wherever it is to the end of a queue.
  @inline(__always)
  mutating func moveToEnd(_ slot: RegionSlot, of queue: Int = 0) {
    remove(slot)
    if rings[queue].isFull { compact(queue) }
    entries[slot.index].place = Self.push(slot, &rings[queue], queue)
  }

  /// Moves all slots of a queue, in their order, to the end of another. O(k) for k slots.
  mutating func moveAll(from source: Int, toEndOf queue: Int) {
    while let slot = first(of: source) { moveToEnd(slot, of: queue) }
  }

  /// Moves slots from the front of a queue to its end until one comes to the front at which `stops` says so, and returns
  /// that; nil if there is none to ask about. Goes round as often as `stops` lets it, which is also told what comes `soon`
  /// and `later`.
  @inline(__always)
  mutating func rotate(
    _ queue: Int = 0,
    until stops: (_ slot: RegionSlot, _ soon: RegionSlot?, _ later: RegionSlot?) -> Bool
  ) -> RegionSlot? {
    if isEmpty(queue) { return nil }
    var start = rings[queue].start
    var end = start &+ rings[queue].length
    let slot = Self.rotate(&rings[queue].slots, &entries, queue, &start, &end, until: stops)
    rings[queue].start = start & (rings[queue].slots.count &- 1)
    rings[queue].length = end &- start
    return slot
  }

  @inline(__always)
  private static func rotate(
    _ ring: inout [UInt32], _ entries: inout [Entry], _ queue: Int, _ start: inout Int,
    _ end: inout Int, until stops: (RegionSlot, RegionSlot?, RegionSlot?) -> Bool
  ) -> RegionSlot {
    var ring = ring.mutableSpan
    var entries = entries.mutableSpan
    let mask = ring.count &- 1
    while true {
      let slot = ring[start & mask]
      if slot != absent {
        let later = RegionSlot(held: ring[(start &+ far) & mask])
        if let later {
          unsafe entries.withUnsafeBufferPointer {
            unsafe smap_prefetch($0.baseAddress! + later.index)
          }
        }
        if stops(RegionSlot(rawValue: slot), RegionSlot(held: ring[(start &+ near) & mask]), later)
        {
          return RegionSlot(rawValue: slot)
        }
        ring[start & mask] = absent
        ring[end & mask] = slot
        entries[Int(slot)].place = UInt32(truncatingIfNeeded: (end & mask) << 2 | queue)
        end &+= 1
      }
      start &+= 1
    }
  }

  /// Traps unless rings and entries agree. O(n).
  func checkInvariants() {
    for queue in 0..<queueCount {
      let ring = rings[queue]
      let slots = Array(slots(of: queue))
      precondition(slots.count == ring.count, "a queue's count is wrong")
      precondition(
        ring.count == 0 || ring.slots[ring.start] != absent, "a queue begins with a gap")
      for slot in slots {
        let place = entries[slot.index].place
        precondition(
          place & 3 == queue && ring.slots[Int(place >> 2)] == slot.rawValue, "a place is wrong")
      }
    }
    let placed = entries.reduce(0) { $1.place == absent ? $0 : $0 + 1 }
    precondition(
      placed == rings.indices.reduce(0) { $0 + rings[$1].count },
      "a slot has a place but is in no queue")
  }

  @inline(__always)
  private static func push(_ slot: RegionSlot, _ ring: inout Ring, _ queue: Int) -> UInt32 {
    let place = (ring.start &+ ring.length) & (ring.slots.count &- 1)
    ring.slots[place] = slot.rawValue
    ring.length &+= 1
    ring.count &+= 1
    return UInt32(truncatingIfNeeded: place << 2 | queue)
  }

  @inline(__always)
  private static func clear(_ place: Int, _ ring: inout Ring) {
    ring.slots[place] = absent
    ring.count &-= 1
    if place != ring.start { return }
    let mask = ring.slots.count &- 1
    while ring.length > 0, ring.slots[ring.start] == absent {
      ring.start = (ring.start &+ 1) & mask
      ring.length &-= 1
    }
  }

  private mutating func makeRoom(for slot: RegionSlot) {
    let missing = max(slot.index + 1, entries.count * 2) - entries.count
    entries.append(contentsOf: repeatElement(empty, count: missing))
  }

  /// Closes the gaps, in a ring of at least twice and at most four times as many places as there are slots: one that stayed
  /// as large as the longest queue ever was would take as long for a few slots.
  private mutating func compact(_ queue: Int) {
    var slots = slots(of: queue).map(\.rawValue)
    let count = slots.count
    var room = 8
    while room < 2 * count { room *= 2 }
    for (place, slot) in slots.enumerated() {
      entries[Int(slot)].place = UInt32(truncatingIfNeeded: place << 2 | queue)
    }
    slots.append(contentsOf: repeatElement(absent, count: room - count))
    rings[queue] = Ring(slots: slots, start: 0, length: count, count: count)
  }
}

/// How far ahead in a ring memory is fetched: so far that it comes in time, and not so far that it is gone again.
private let near = 8
private let far = 16

extension RegionSlot {
  @inline(__always)
  fileprivate init?(held rawValue: UInt32) {
    if rawValue == absent { return nil }
    self.init(rawValue: rawValue)
  }
}

/// What stands in a ring for a gap, and for the place of a slot that has none.
private let absent = UInt32.max
