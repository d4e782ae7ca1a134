/// Numbers found by their hashes, with open addressing: what has a number, and is equal to what is looked for, the caller
/// tells.
///
/// A place is a number and its hash, so that probing seldom has to ask. At most half of the places are taken. Every
/// operation is O(1), save growth, which is amortized.
struct NumberTable: Sendable {
  private struct Place: Sendable {
    static let vacant = Place(number: .max, hash: 0)

    var number: UInt32
    var hash: UInt32

    var isVacant: Bool { number == .max }
  }

  /// Numbers at or behind the place that their hash gives; a power of two.
  private var places: [Place] = Array(repeating: .vacant, count: 16)
  private(set) var count = 0

  /// The number with a hash of which `isRight` says so, or nil.
  @inline(__always)
  func number(_ hash: UInt32, where isRight: (UInt32) -> Bool) -> UInt32? {
    let places = places.span
    let mask = places.count &- 1
    var index = Int(hash) & mask
    while true {
      let place = places[index]
      if place.isVacant { return nil }
      if place.hash == hash, isRight(place.number) { return place.number }
      index = (index &+ 1) & mask
    }
  }

  /// Adds a number.
  @inline(__always)
  mutating func insert(_ number: UInt32, _ hash: UInt32) {
    if 2 * (count + 1) > places.count { grow() }
    count += 1
    var places = places.mutableSpan
    Self.put(Place(number: number, hash: hash), &places)
  }

  /// Takes a number out that is there, and moves up those behind that it kept from their home.
  @inline(__always)
  mutating func remove(_ number: UInt32, _ hash: UInt32) {
    count -= 1
    var places = places.mutableSpan
    let mask = places.count &- 1
    var gap = Self.index(of: number, hash, places)
    var current = gap
    while true {
      current = (current &+ 1) & mask
      let place = places[current]
      if place.isVacant { break }
      let distance = (current &- Int(place.hash)) & mask
      if distance >= (current &- gap) & mask {
        places[gap] = place
        gap = current
      }
    }
    places[gap] = .vacant
  }

  /// Traps unless the count is right. O(n).
  func checkInvariants() {
    precondition(places.count { !$0.isVacant } == count, "the table's count is wrong")
  }

  @inline(__always)
  private static func index(
    of number: UInt32, _ hash: UInt32, _ places: borrowing MutableSpan<Place>
  ) -> Int {
    let mask = places.count &- 1
    var index = Int(hash) & mask
    while places[index].number != number {
      precondition(!places[index].isVacant, "the table does not have the number")
      index = (index &+ 1) & mask
    }
    return index
  }

  @inline(__always)
  private static func put(_ place: Place, _ places: inout MutableSpan<Place>) {
    let mask = places.count &- 1
    var index = Int(place.hash) & mask
    while !places[index].isVacant { index = (index &+ 1) & mask }
    places[index] = place
  }

  @inline(never)
  private mutating func grow() {
    var larger = Array(repeating: Place.vacant, count: 2 * places.count)
    var span = larger.mutableSpan
    for place in places where !place.isVacant { Self.put(place, &span) }
    places = larger
  }
}
