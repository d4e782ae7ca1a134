internal import MapProtocols

/// The names of regions that left, in two queues, the longest gone first: what some policies remember of their past.
///
/// A ghost is known by its key's `ghostName`, and numbered in its queue in turn. A table with open addressing finds the
/// number by the name; what is forgotten because its queue became too long stays in the table until that is made anew. So a
/// miss and a region that leaves each touch one line of the table, and to forget touches none; a hit has nothing to do with
/// ghosts. Every operation is O(1), amortized where something is added; the number of ghosts is for the policy to bound.
struct Ghosts: Sendable {
  private struct Place: Sendable {
    static let vacant = Place(name: 0, tag: .max)

    // In halves, so that a place takes 12 bytes, not 16.
    var low: UInt32
    var high: UInt32
    /// The number times four, plus the queue; `dead` or the vacant one's `max` have no queue.
    var tag: UInt32

    init(name: UInt64, tag: UInt32) {
      low = UInt32(truncatingIfNeeded: name)
      high = UInt32(truncatingIfNeeded: name >> 32)
      self.tag = tag
    }

    var name: UInt64 { UInt64(high) << 32 | UInt64(low) }
    var isVacant: Bool { tag == .max }
    var queue: Int { Int(tag & 3) }
    var number: UInt32 { tag >> 2 }
  }

  private static let dead = UInt32.max - 1
  /// Long before numbers start again, which those of forgotten ghosts must not live to see.
  private static let mostAppended = 1 << 28

  private var queues: InlineArray<2, GhostQueue> = [GhostQueue(), GhostQueue()]
  /// Ghosts, and some that are no more, at or behind the place that the name gives; a power of two.
  private var places = Array(repeating: Place.vacant, count: 16)
  /// Places that are not vacant, and ghosts added, since the table was made.
  private var taken = 0
  private var appended = 0

  /// How many ghosts a queue has.
  func count(of queue: Int = 0) -> Int { queues[queue].count }

  /// The queue a ghost is in, or nil.
  func queue(of name: UInt64) -> Int? {
    let place = places[index(of: name)]
    return isGhost(place) ? place.queue : nil
  }

  /// Puts a ghost at the end of a queue, out of the one it may be in.
  mutating func append(_ name: UInt64, to queue: Int = 0) {
    if 8 * taken > 5 * places.count || appended == Self.mostAppended { renew() }
    if queues[queue].isFull { renumber(queue) }
    let index = index(of: name)
    // A name stands in the table once, also that of one who is no more.
    let old = places[index]
    if isGhost(old) { queues[old.queue].remove(old.number) }
    if old.isVacant { taken &+= 1 }
    let number = queues[queue].append()
    places[index] = Place(name: name, tag: Self.tag(number, queue))
    appended &+= 1
  }

  /// Forgets a ghost and returns the queue it was in, or nil.
  @discardableResult
  mutating func remove(_ name: UInt64) -> Int? {
    let index = index(of: name)
    let place = places[index]
    guard isGhost(place) else { return nil }
    places[index].tag = Self.dead
    queues[place.queue].remove(place.number)
    return place.queue
  }

  /// Forgets the longest gone of a queue until at most `count` are left. O(k) for k that go.
  mutating func trim(_ queue: Int = 0, to count: Int) {
    while queues[queue].count > max(count, 0) { queues[queue].removeFirst() }
  }

  /// Traps unless queues and table agree. O(n).
  func checkInvariants() {
    for queue in queues.indices { queues[queue].checkInvariants() }
    let ghosts = places.count { isGhost($0) }
    precondition(ghosts == count(of: 0) + count(of: 1), "table and queues disagree")
    precondition(places.count { !$0.isVacant } == taken, "the table's count is wrong")
  }

  @inline(__always)
  private func isGhost(_ place: Place) -> Bool {
    place.tag < Self.dead && queues[place.queue].covers(place.number)
  }

  /// Where a name is, or would go.
  @inline(__always)
  private func index(of name: UInt64) -> Int {
    let places = places.span
    let mask = places.count &- 1
    var index = Int(truncatingIfNeeded: name) & mask
    while !places[index].isVacant, places[index].name != name { index = (index &+ 1) & mask }
    return index
  }

  private mutating func renumber(_ queue: Int) {
    let old = queues[queue]
    let numbers = queues[queue].renumber()
    for index in places.indices where places[index].queue == queue {
      let number = places[index].number
      places[index].tag =
        old.covers(number) ? Self.tag(numbers[old.distance(number)], queue) : Self.dead
    }
  }

  private static func tag(_ number: UInt32, _ queue: Int) -> UInt32 {
    number << 2 | UInt32(truncatingIfNeeded: queue)
  }

  /// Makes the table anew of what is still a ghost, less than half full.
  private mutating func renew() {
    let ghosts = places.filter { isGhost($0) }
    var room = 16
    while 16 * ghosts.count > 7 * room { room *= 2 }
    (places, appended) = (Array(repeating: .vacant, count: room), 0)
    taken = ghosts.count
    for ghost in ghosts { places[index(of: ghost.name)] = ghost }
  }
}

extension RegionKey {
  /// The key as 64 bits, each of which depends on all of it: windows of one file never share them, those of two files as
  /// seldom as the files share their fingerprint.
  package var ghostName: UInt64 {
    // A bijection of the window, by an odd factor, and then one of 64 bits.
    var source = SplitMix64(
      seed: file ^ UInt64(bitPattern: Int64(window)) &* 0xD6E8_FEB8_6659_FD93)
    return source.next()
  }
}
