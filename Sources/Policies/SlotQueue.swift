internal import MapProtocols

/// A queue of slots in a ring: for policies that take regions from the front and put them at the end.
///
/// A list goes from slot to slot, each a cache miss where there are many; a ring is read as it lies in memory. What leaves
/// out of the middle, a file's regions when it goes, leaves gaps behind, until they come to the front or are as many as the
/// slots. Every operation takes O(1), amortized for gaps and growth, save where said otherwise.
struct SlotQueue: Sendable {
  private static let none = UInt32.max

  /// Slots and gaps; a power of two.
  private var ring = Array(repeating: SlotQueue.none, count: 8)
  private var start = 0
  /// Places from `start` on that hold a slot or a gap; the first holds a slot.
  private var length = 0
  /// Where each slot is in the ring; `none` for one that is not.
  private var places: [UInt32] = []
  /// How many slots there are.
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  /// The slot at the front.
  var first: RegionSlot? {
    count == 0 ? nil : RegionSlot(rawValue: ring[start])
  }

  func contains(_ slot: RegionSlot) -> Bool {
    slot.index < places.count && places[slot.index] != Self.none
  }

  /// The slots, the front first; gaps take their time, too.
  var slots: some Sequence<RegionSlot> {
    (0..<length).lazy.map { ring[(start + $0) & (ring.count - 1)] }
      .filter { $0 != Self.none }.map { RegionSlot(rawValue: $0) }
  }

  /// Puts a slot that is not in the queue at its end.
  @inline(__always)
  mutating func append(_ slot: RegionSlot) {
    if length == ring.count { compact() }
    if slot.index >= places.count { makeRoom(for: slot) }
    precondition(places[slot.index] == Self.none, "the slot is held already")
    let place = (start &+ length) & (ring.count &- 1)
    ring[place] = slot.rawValue
    places[slot.index] = UInt32(truncatingIfNeeded: place)
    length &+= 1
    count &+= 1
  }

  /// Takes a slot out that is in the queue.
  mutating func remove(_ slot: RegionSlot) {
    let wasThere = removeIfThere(slot)
    precondition(wasThere, "the slot is not held")
  }

  /// Takes a slot out, and says whether it was in the queue.
  @inline(__always)
  mutating func removeIfThere(_ slot: RegionSlot) -> Bool {
    guard contains(slot) else { return false }
    let place = Int(places[slot.index])
    ring[place] = Self.none
    places[slot.index] = Self.none
    count &-= 1
    if place == start {
      passGaps()
    } else if 2 * count < length {
      compact()
    }
    return true
  }

  /// Moves a slot of the queue to its end.
  mutating func moveToEnd(_ slot: RegionSlot) {
    remove(slot)
    append(slot)
  }

  /// Moves all slots of another queue, in their order, to the end. O(k) for k slots.
  mutating func appendAll(of other: inout SlotQueue) {
    while let slot = other.first {
      other.remove(slot)
      append(slot)
    }
  }

  /// Moves slots from the front to the end until one comes to the front at which `stops` says so, and returns that; nil if
  /// there is none to ask about. Goes round as often as `stops` lets it.
  @inline(__always)
  mutating func rotate(until stops: (RegionSlot) -> Bool) -> RegionSlot? {
    if count == 0 { return nil }
    var start = start
    var end = start &+ length
    let slot = Self.rotate(&ring, &places, &start, &end, until: stops)
    (self.start, length) = (start & (ring.count &- 1), end &- start)
    return slot
  }

  @inline(__always)
  private static func rotate(
    _ ring: inout [UInt32], _ places: inout [UInt32], _ start: inout Int, _ end: inout Int,
    until stops: (RegionSlot) -> Bool
  ) -> RegionSlot {
    var ring = ring.mutableSpan
    var places = places.mutableSpan
    let mask = ring.count &- 1
    while true {
      let slot = RegionSlot(rawValue: ring[start & mask])
      if slot.rawValue != none {
        if stops(slot) { return slot }
        ring[start & mask] = none
        ring[end & mask] = slot.rawValue
        places[slot.index] = UInt32(truncatingIfNeeded: end & mask)
        end &+= 1
      }
      start &+= 1
    }
  }

  /// Traps unless ring and places agree. O(n).
  func checkInvariants() {
    let slots = Array(slots)
    precondition(slots.count == count, "the queue's count is wrong")
    precondition(count == 0 || ring[start] != Self.none, "the queue begins with a gap")
    precondition(
      slots.allSatisfy { ring[Int(places[$0.index])] == $0.rawValue }, "a place is wrong")
    let placed = places.reduce(0) { $1 == Self.none ? $0 : $0 + 1 }
    precondition(placed == count, "a slot has a place but is not in the queue")
  }

  private mutating func passGaps() {
    while length > 0, ring[start] == Self.none {
      start = (start &+ 1) & (ring.count &- 1)
      length &-= 1
    }
  }

  private mutating func makeRoom(for slot: RegionSlot) {
    let missing = max(slot.index + 1, places.count * 2) - places.count
    places.append(contentsOf: repeatElement(Self.none, count: missing))
  }

  /// Closes the gaps, in a ring of at least twice and at most four times as many places as there are slots: one that stayed
  /// as large as the longest queue ever was would take as long for a few slots.
  private mutating func compact() {
    var slots = slots.map(\.rawValue)
    var room = 8
    while room < 2 * count { room *= 2 }
    for (place, slot) in slots.enumerated() { places[Int(slot)] = UInt32(place) }
    slots.append(contentsOf: repeatElement(Self.none, count: room - count))
    (ring, start, length) = (slots, 0, count)
  }
}
