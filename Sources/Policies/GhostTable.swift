/// Numbers of ghosts found by the ghosts' names, with open addressing; names are as good as hashes.
///
/// A place has all it takes to tell whether it is the right one, so that looking a name up touches one line of memory most
/// often. At most half of the places are taken. Every operation is O(1), save growth, which is amortized.
struct GhostTable: Sendable {
  private struct Place: Sendable {
    static let vacant = Place(name: 0, number: .max)

    // In halves, so that a place takes 12 bytes, not 16.
    var low: UInt32
    var high: UInt32
    var number: UInt32

    init(name: UInt64, number: UInt32) {
      low = UInt32(truncatingIfNeeded: name)
      high = UInt32(truncatingIfNeeded: name >> 32)
      self.number = number
    }

    var name: UInt64 { UInt64(high) << 32 | UInt64(low) }
    var isVacant: Bool { number == .max }
  }

  /// Ghosts at or behind the place that the name gives; a power of two.
  private var places: [Place] = Array(repeating: .vacant, count: 16)
  private(set) var count = 0

  /// The number of a ghost, or nil.
  func number(of name: UInt64) -> UInt32? {
    let places = places.span
    let place = places[Self.index(of: name, places)]
    return place.isVacant ? nil : place.number
  }

  /// Gives a ghost a number, and returns the one it had, or nil if it was not there.
  @discardableResult
  mutating func set(_ name: UInt64, to number: UInt32) -> UInt32? {
    if 2 * (count + 1) > places.count { grow() }
    let index = Self.index(of: name, places.span)
    let old = places[index]
    places[index] = Place(name: name, number: number)
    if !old.isVacant { return old.number }
    count += 1
    return nil
  }

  /// Takes a ghost out, and returns its number, or nil if it is not there.
  mutating func remove(_ name: UInt64) -> UInt32? {
    var gap = Self.index(of: name, places.span)
    var places = places.mutableSpan
    let mask = places.count &- 1
    let found = places[gap]
    if found.isVacant { return nil }
    // Those behind that it kept from their home move up.
    var current = gap
    while true {
      current = (current &+ 1) & mask
      let place = places[current]
      if place.isVacant { break }
      let distance = (current &- Int(place.low)) & mask
      if distance >= (current &- gap) & mask {
        places[gap] = place
        gap = current
      }
    }
    places[gap] = .vacant
    count -= 1
    return found.number
  }

  /// Traps unless the count is right. O(n).
  func checkInvariants() {
    precondition(places.count { !$0.isVacant } == count, "the table's count is wrong")
  }

  /// Where a name is, or would go.
  @inline(__always)
  private static func index(of name: UInt64, _ places: Span<Place>) -> Int {
    let mask = places.count &- 1
    let wanted = Place(name: name, number: 0)
    var index = Int(wanted.low) & mask
    while true {
      let place = places[index]
      if place.isVacant || (place.low == wanted.low && place.high == wanted.high) { return index }
      index = (index &+ 1) & mask
    }
  }

  private mutating func grow() {
    let old = places
    places = Array(repeating: .vacant, count: 2 * old.count)
    for place in old where !place.isVacant {
      places[Self.index(of: place.name, places.span)] = place
    }
  }
}
