internal import MapProtocols

/// The names of regions that left, in queues, the longest gone first: what some policies remember of their past.
///
/// A ghost is known by its key's `ghostName`. A miss, a region that leaves and a ghost that is forgotten each touch one
/// line of the table and the end of a queue; a hit has nothing to do with ghosts. Every operation is O(1), amortized where
/// something is added; the number of ghosts is for the policy to bound.
struct Ghosts: Sendable {
  private var queues: [GhostQueue]
  /// Of each ghost its place in the queue, and the queue in the last bit.
  private var table = GhostTable()

  /// `queueCount` empty queues, one or two, numbered from 0.
  init(queueCount: Int = 1) { queues = Array(repeating: GhostQueue(), count: queueCount) }

  /// How many ghosts a queue has.
  func count(of queue: Int = 0) -> Int { queues[queue].count }

  /// The queue a ghost is in, or nil.
  func queue(of name: UInt64) -> Int? { table.number(of: name).map { Int($0 & 1) } }

  /// Puts a ghost at the end of a queue, out of the one it may be in.
  mutating func append(_ name: UInt64, to queue: Int = 0) {
    if queues[queue].isFull { compact(queue) }
    let place = queues[queue].append(name)
    if let known = table.set(name, to: number(place, queue)) { leaveQueue(known) }
  }

  /// Forgets a ghost and returns the queue it was in, or nil.
  @discardableResult
  mutating func remove(_ name: UInt64) -> Int? {
    guard let number = table.remove(name) else { return nil }
    leaveQueue(number)
    return Int(number & 1)
  }

  /// Forgets the longest gone of a queue until at most `count` are left. O(k) for k that go.
  mutating func trim(_ queue: Int = 0, to count: Int) {
    while queues[queue].count > max(count, 0) { remove(queues[queue].first) }
  }

  /// Traps unless queues and table agree. O(n).
  func checkInvariants() {
    table.checkInvariants()
    var ghosts = 0
    for (queue, content) in queues.enumerated() {
      content.checkInvariants()
      for place in content.places {
        precondition(
          table.number(of: content[place]) == number(place, queue),
          "a ghost is not found in its queue")
      }
      ghosts += content.count
    }
    precondition(table.count == ghosts, "the table has more than the queues")
  }

  private func number(_ place: Int, _ queue: Int) -> UInt32 { UInt32(place << 1 | queue) }

  private mutating func leaveQueue(_ number: UInt32) {
    queues[Int(number & 1)].remove(Int(number >> 1))
  }

  private mutating func compact(_ queue: Int) {
    queues[queue].compact()
    for place in queues[queue].places {
      table.set(queues[queue][place], to: number(place, queue))
    }
  }
}

extension RegionKey {
  /// The key as 64 bits, each of which depends on all of it: windows of one file never share them, those of two files as
  /// seldom as the files share their fingerprint.
  var ghostName: UInt64 {
    // A bijection of the window, by an odd factor, and then one of 64 bits.
    var source = SplitMix64(
      seed: file ^ UInt64(bitPattern: Int64(window)) &* 0xD6E8_FEB8_6659_FD93)
    return source.next()
  }
}
