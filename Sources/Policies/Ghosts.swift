internal import CMapShims
internal import MapProtocols

/// The names of regions that left, in two queues, the longest gone first: what some policies remember of their past.
///
/// A ghost is known by its key's `ghostName`, and numbered in turn. Its name gives the bucket that has both; what its queue
/// no longer covers with its number is free to be written over. So a miss and a region that leaves touch one bucket each,
/// to forget touches none, and nothing is cleared up; a hit has nothing to do with ghosts. Every operation is O(1),
/// amortized where something is added; the number of ghosts is for the policy to bound.
struct Ghosts: Sendable {
  /// Room for five, and as large as a cache line.
  private struct Bucket: Sendable {
    /// The number of the last ghost that found no room here and went to the next bucket.
    var overflow: UInt32 = 0
    /// The ghosts' numbers below the queue in the top bit; 0 where there never was one.
    var tags = InlineArray<5, UInt32>(repeating: 0)
    var names = InlineArray<5, UInt64>(repeating: 0)
  }

  private static let highestNumber = UInt32.max >> 1

  private var queues = Self.queues(count: 0)
  /// A power of two of them; those that are at most 7/10 full seldom overflow.
  private var buckets = [Bucket()]
  /// The next ghost's number.
  private var next: UInt32 = 1

  /// How many ghosts a queue has.
  @inline(__always)
  func count(of queue: Int = 0) -> Int { queues[queue].count }

  /// Brings near where a name is or would go.
  @inline(__always)
  func prefetch(_ name: UInt64) {
    unsafe buckets.withUnsafeBufferPointer {
      // An array begins somewhere in a line.
      unsafe smap_prefetch($0.baseAddress! + home(of: name))
      unsafe smap_prefetch($0.baseAddress! + home(of: name) + 1)
    }
  }

  /// The queue a ghost is in, or nil.
  func queue(of name: UInt64) -> Int? {
    find(name).map { Int(buckets[$0.bucket].tags[$0.place] >> 31) }
  }

  /// Puts the name of a region that is no ghost at the end of a queue. Two regions of one name, as a file that changed has
  /// them, are two ghosts.
  @inline(__always)
  mutating func append(_ name: UInt64, to queue: Int = 0) {
    if isFull { renew() }
    add(name, to: queue)
  }

  /// Forgets a ghost and returns the queue it was in, or nil.
  @discardableResult @inline(__always)
  mutating func remove(_ name: UInt64) -> Int? {
    guard let (bucket, place) = find(name) else { return nil }
    let tag = buckets[bucket].tags[place]
    buckets[bucket].tags[place] = 0
    let queue = Int(tag >> 31)
    queues[queue].remove(tag & Self.highestNumber)
    return queue
  }

  /// Forgets the longest gone of a queue until at most `count` are left. O(k) for k that go.
  @inline(__always)
  mutating func trim(_ queue: Int = 0, to count: Int) {
    while queues[queue].count > max(count, 0) { queues[queue].removeFirst() }
  }

  /// Traps unless queues and buckets agree. O(n).
  func checkInvariants() {
    for queue in queues.indices {
      queues[queue].checkInvariants()
      precondition(
        next == 1 || queues[queue].hasRoom(for: next - 1), "a ghost outlasted all others' numbers")
      let ghosts = ghosts.filter { $0.queue == queue }
      precondition(ghosts.count == count(of: queue), "buckets and queues disagree")
      precondition(
        ghosts.allSatisfy { self.queue(of: $0.name) == queue }, "a ghost is not found by its name")
    }
  }

  /// All ghosts of both queues, the longest gone first. O(n).
  private var ghosts: [(name: UInt64, queue: Int)] {
    let horizon = horizon
    let count = count(of: 0) + count(of: 1) == 0 ? 0 : next - horizon.oldest
    var ghosts = [(name: UInt64, queue: Int)?](repeating: nil, count: Int(count))
    for bucket in buckets {
      for place in bucket.tags.indices where horizon.covers(bucket.tags[place]) {
        let number = bucket.tags[place] & Self.highestNumber
        let queue = Int(bucket.tags[place] >> 31)
        ghosts[Int(number - horizon.oldest)] = (bucket.names[place], queue)
      }
    }
    return ghosts.compactMap(\.self)
  }

  /// What tells ghosts from those forgotten.
  private struct Horizon {
    /// The tag of each queue's longest gone.
    let first: UInt32
    let second: UInt32
    /// The number of the longest gone of all.
    let oldest: UInt32

    @inline(__always)
    func covers(_ tag: UInt32) -> Bool { tag >= (tag < 1 << 31 ? first : second) }
  }

  @inline(__always)
  private var horizon: Horizon {
    let (first, second) = (queues[0].first, queues[1].first)
    return Horizon(first: first, second: second | 1 << 31, oldest: min(first, second))
  }

  /// Where a ghost is.
  @inline(__always)
  private func find(_ name: UInt64) -> (bucket: Int, place: Int)? {
    let buckets = buckets.span
    let horizon = horizon
    var index = home(of: name)
    for _ in buckets.indices {
      var same = 0
      for place in 0..<5 { same |= (buckets[index].names[place] == name ? 1 : 0) << place }
      while same != 0 {
        let place = same.trailingZeroBitCount
        if horizon.covers(buckets[index].tags[place]) { return (index, place) }
        same &= same - 1
      }
      // All that went on from here are forgotten, if the last one is.
      if buckets[index].overflow < horizon.oldest { return nil }
      index = (index &+ 1) & (buckets.count &- 1)
    }
    return nil
  }

  @inline(__always)
  private mutating func add(_ name: UInt64, to queue: Int) {
    let number = next
    next &+= 1
    queues[queue].append(number)
    let horizon = horizon
    var index = home(of: name)
    let mask = buckets.count &- 1
    var buckets = buckets.mutableSpan
    while true {
      var free = 0
      for place in 0..<5 {
        free |= (horizon.covers(buckets[index].tags[place]) ? 0 : 1) << place
      }
      if free != 0 {
        let place = free.trailingZeroBitCount
        buckets[index].tags[place] = number | UInt32(truncatingIfNeeded: queue) << 31
        buckets[index].names[place] = name
        return
      }
      buckets[index].overflow = number
      index = (index &+ 1) & mask
    }
  }

  @inline(__always)
  private func home(of name: UInt64) -> Int {
    Int(truncatingIfNeeded: name) & (buckets.count &- 1)
  }

  /// Whether all must be made anew before a queue takes one more.
  ///
  /// Also when it is the other queue whose longest gone has stayed while many numbers were given: as long as that is there,
  /// no bucket that ever overflowed ends a search, and `renew` needs room for all numbers from there on.
  @inline(__always)
  private var isFull: Bool {
    2 &* (count(of: 0) &+ count(of: 1)) >= 7 &* buckets.count
      || !queues[0].hasRoom(for: next) || !queues[1].hasRoom(for: next)
      || next == Self.highestNumber
  }

  /// Numbers all ghosts from 1 and puts them into as many buckets as they need.
  private mutating func renew() {
    let ghosts = ghosts
    var room = 1
    while 2 * ghosts.count >= 7 * room { room *= 2 }
    buckets = Array(repeating: Bucket(), count: room)
    queues = Self.queues(count: ghosts.count)
    next = 1
    for ghost in ghosts { add(ghost.name, to: ghost.queue) }
  }

  /// Empty queues for `count` ghosts, with room for many gaps.
  private static func queues(count: Int) -> InlineArray<2, GhostQueue> {
    InlineArray(repeating: GhostQueue(range: 4 * count))
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
