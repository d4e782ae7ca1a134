/// Ghosts in the order in which they came, in a ring: those that were taken out of its middle leave gaps until the ring
/// is full or the gaps have come to the front.
///
/// A ghost is known by its place in the ring, which stays the same until `compact`. Every operation is O(1), amortized for
/// gaps and growth.
struct GhostQueue: Sendable {
  private struct Place: Sendable {
    static let gap = Place(name: 0, isGap: true)

    var name: UInt64
    var isGap: Bool
  }

  /// A power of two.
  private var ring = Array(repeating: Place.gap, count: 8)
  private var start = 0
  /// Places from `start` on that hold a ghost or a gap; the first holds a ghost.
  private var length = 0
  /// How many ghosts there are.
  private(set) var count = 0

  var isFull: Bool { length == ring.count }

  /// The longest gone of those there are.
  var first: UInt64 { ring[start].name }

  subscript(_ place: Int) -> UInt64 { ring[place].name }

  /// The places of all ghosts, the longest gone first. O(n).
  var places: [Int] {
    (0..<length).map { (start + $0) & (ring.count - 1) }.filter { !ring[$0].isGap }
  }

  /// Adds a ghost where there is room, and returns its place.
  mutating func append(_ name: UInt64) -> Int {
    let place = (start &+ length) & (ring.count &- 1)
    ring[place] = Place(name: name, isGap: false)
    length &+= 1
    count &+= 1
    return place
  }

  /// Takes a ghost out.
  mutating func remove(_ place: Int) {
    ring[place].isGap = true
    count &-= 1
    if place == start { passGaps() }
  }

  /// Closes the gaps, and doubles the ring if they are fewer than half of it; ghosts get other places.
  mutating func compact() {
    var ghosts = places.map { ring[$0] }
    (start, length) = (0, ghosts.count)
    let room = 2 * count > ring.count ? 2 * ring.count : ring.count
    ghosts.append(contentsOf: repeatElement(.gap, count: room - count))
    ring = ghosts
  }

  /// Traps unless the count is right and the first is a ghost. O(n).
  func checkInvariants() {
    precondition(places.count == count, "a queue's count is wrong")
    precondition(length == 0 || !ring[start].isGap, "a queue begins with a gap")
  }

  private mutating func passGaps() {
    while length > 0, ring[start].isGap {
      start = (start &+ 1) & (ring.count &- 1)
      length &-= 1
    }
  }
}
